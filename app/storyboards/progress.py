"""A record and its scenes' newest jobs come in; the tree of a storyboard goes out, with progress and ETA: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.storyboards.script import places_of
from app.storyboards.views import SceneView, StoryView
from app.types import Job
from app.types.storyboard import Scene, ScenePhase, Storyboard, StoryPhase
from app.types.words import Status

MADE_PERCENT: Final = 95  # of a storyboard whose scenes are all made
ASSEMBLY_S: Final = 0.25  # of a scene, until the film is there
_STATUS: Final = {
    ScenePhase.WAITING: Status.QUEUED,
    ScenePhase.SPEAKING: Status.IN_PROGRESS,
    ScenePhase.MADE: Status.COMPLETED,
    ScenePhase.FAILED: Status.FAILED,
}


def view_of(story: Storyboard, jobs: Mapping[str, Job], etas: Mapping[str, float | None] | None = None) -> StoryView:
    """The tree. `jobs`: what is known of those that are under way, by id; `etas`: of those that wait in the line."""
    starts = _starts_s(story)
    scenes = tuple(
        _scene(story, number, scene, jobs.get(scene.job_ids[-1]) if scene.job_ids else None, starts, etas or {})
        for number, scene in enumerate(story.scenes, 1)
    )
    costs = [scene.cost for scene in scenes if scene.cost is not None]
    return StoryView(
        story=story,
        scenes=scenes,
        progress=_progress(story, scenes),
        eta_s=_eta_s(story, scenes),
        device_seconds=sum(scene.device_seconds for scene in scenes),
        cost=sum(costs) if costs else None,
        generations=sum(_generations(scene, jobs) for scene in story.scenes),
        saved_step_seconds=sum(scene.saved_step_seconds for scene in story.scenes if scene.cached),
    )


def _scene(
    story: Storyboard,
    number: int,
    scene: Scene,
    job: Job | None,
    starts: tuple[float, ...] | None,
    etas: Mapping[str, float | None],
) -> SceneView:
    stage, status = _stage(scene, job)
    step = scene.steps if scene.phase is ScenePhase.MADE else _step(scene, job)
    done = scene.phase is ScenePhase.MADE
    return SceneView(
        number=number,
        status=status,
        stage=stage,
        step=step,
        steps=scene.steps,
        progress=100 if done else min(99, int(100 * step / max(1, scene.steps))),
        eta_s=None if story.phase.ended else _scene_eta_s(scene, job, etas),
        video_id=scene.job_ids[-1] if scene.job_ids else None,
        starts_at_s=None if starts is None else starts[number - 1],
        device_seconds=0.0 if scene.cached else scene.device_seconds,
        cost=0.0 if scene.cached and scene.cost is not None else scene.cost,
    )


def _stage(scene: Scene, job: Job | None) -> tuple[str, Status]:
    if scene.phase is not ScenePhase.MAKING:
        return scene.phase.value, _STATUS[scene.phase]
    if job is None:
        return "queued", Status.QUEUED
    if not job.phase.ended:
        return job.phase.value, job.status
    mute = bool(scene.wish.narration) and scene.narration is None
    return ("speaking" if mute else "postprocessing"), Status.IN_PROGRESS


def _step(scene: Scene, job: Job | None) -> int:
    """Of all its clips' steps: those of the clips before the newest, and that one's."""
    if not scene.job_ids or job is None:
        return 0
    own = job.plan.sampling.steps
    return min(scene.steps, own * (len(scene.job_ids) - 1) + (own if job.phase.ended else job.step))


def _scene_eta_s(scene: Scene, job: Job | None, etas: Mapping[str, float | None]) -> float | None:
    if scene.phase.ended:
        return 0.0
    if job is None or job.phase.ended:
        return None if scene.estimate is None else scene.estimate.seconds
    return etas.get(job.id, job.eta_s) if job.eta_s is None else job.eta_s


def _eta_s(story: Storyboard, scenes: tuple[SceneView, ...]) -> float | None:
    """When the last scene is done, and the film behind it; None where that of a scene is not known."""
    if story.phase.ended:
        return None
    etas = [scene.eta_s for scene in scenes]
    if any(eta is None for eta in etas):
        return None
    return max(eta for eta in etas if eta is not None) + ASSEMBLY_S * len(scenes)


def _progress(story: Storyboard, scenes: tuple[SceneView, ...]) -> int:
    if story.phase is StoryPhase.COMPLETED:
        return 100
    steps = sum(scene.steps for scene in scenes)
    done = sum(scene.step for scene in scenes)
    return int(MADE_PERCENT * done / steps) if steps else 0


def _starts_s(story: Storyboard) -> tuple[float, ...] | None:
    if not story.fps or not all(scene.fps for scene in story.scenes):
        return None
    return tuple(place.start / story.fps for place in places_of(story))


def _generations(scene: Scene, jobs: Mapping[str, Job]) -> int:
    """Jobs that a device has worked at for it, or will, as far as is known."""
    if scene.cached:
        return 0
    return sum(not (job_id in jobs and jobs[job_id].cache.hit) for job_id in scene.job_ids)
