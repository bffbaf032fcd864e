"""Which file a client means: a storyboard, a variant and perhaps a scene come in, the stored artifact goes out."""

from __future__ import annotations

from app.errors import ArtifactLost, ContentNotReady, NotFound
from app.jobs.store import find
from app.service.ports import Ports
from app.storyboards.editing import scene_of
from app.types import Artifact
from app.types.storyboard import Storyboard, StoryPhase

GONE = "content_gone"


async def stored_file(story: Storyboard, variant: str, scene: int | None, ports: Ports) -> Artifact:
    """A file of the film, or of scene `scene`, from 1. Raises ContentNotReady, NotFound, ArtifactLost."""
    artifact = _of_film(story, variant) if scene is None else await _of_scene(story, scene, variant, ports)
    if not await ports.artifacts.exists(artifact):
        raise ArtifactLost(f"The {variant} of {story.id} is no longer stored: have a scene made again, and it is.")
    return artifact


def _of_film(story: Storyboard, variant: str) -> Artifact:
    if story.phase is not StoryPhase.COMPLETED:
        why = f"failed: {story.failure.message}" if story.failure else f"is {story.status}"
        raise ContentNotReady(f"{story.id} has no film; it {why}")
    artifact = story.artifacts.get(variant)
    if artifact is None:
        raise NotFound(f"{story.id} has no {variant}.", code=GONE)
    return artifact


async def _of_scene(story: Storyboard, number: int, variant: str, ports: Ports) -> Artifact:
    """Its clip as soon as that is made, its narration (`audio`), or another file of the job that made the clip."""
    scene, artifact = scene_of(story, number), None
    if variant == "audio":
        artifact = None if scene.narration is None else scene.narration.artifact
    elif scene.clip is None:
        raise ContentNotReady(f"Scene {number} of {story.id} is not made yet.")
    elif variant == "video":
        artifact = scene.clip
    elif scene.job_ids:
        job = await find(ports.jobs, scene.job_ids[-1], story.tenant)
        artifact = None if job is None else job.artifacts.get(variant)
    if artifact is None:
        raise NotFound(f"Scene {number} of {story.id} has no {variant}.", code=GONE)
    return artifact
