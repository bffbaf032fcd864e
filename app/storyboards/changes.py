"""A storyboard, or a scene of it, as it was comes in; as it is after one thing has happened to it goes out; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.storyboards.ports import FilmMade
from app.storyboards.timeline import Place
from app.types import Estimate, Failure, Job, Measured
from app.types.artifact import Artifact
from app.types.storyboard import Narration, Scene, ScenePhase, SceneWish, Storyboard, StoryPhase
from app.types.understood import PlanWarning


@dataclass(frozen=True, slots=True)
class Told:
    """What was planned of a scene."""

    estimate: Estimate
    warnings: tuple[PlanWarning, ...] = ()
    narration: Narration | None = None  # where it was spoken before


GONE = Failure("video_deleted", "The scene's video was deleted before the film was made.")
SceneChange = Callable[[Scene], Scene]


def of_scene(story: Storyboard, number: int, seen: Scene, change: SceneChange) -> Storyboard | None:
    """The storyboard with that change of scene `number`; None where it is no longer the one that was `seen`.

    What was made for another attempt, or spoken of another text, is of no use to it.
    """
    scene = story.scenes[number - 1]
    same = (scene.attempts, scene.wish.narration) == (seen.attempts, seen.wish.narration)
    if story.phase.ended or scene.phase.ended or not same:
        return None
    return story.with_scene(number, change(scene))


# --- a scene ---


def speaking(scene: Scene) -> Scene:
    """Its narration is being made."""
    return scene if scene.phase is not ScenePhase.WAITING else replace(scene, phase=ScenePhase.SPEAKING)


def spoken(scene: Scene, narration: Narration) -> Scene:
    """Its narration is there."""
    return replace(scene, narration=narration)


def submitted(scene: Scene, job: Job, clips: int) -> Scene:
    """A job makes its clip, or goes on with it; `clips` as many as it will take."""
    if job.id in scene.job_ids:
        return scene
    return replace(
        scene,
        phase=ScenePhase.MAKING,
        job_ids=(*scene.job_ids, job.id),
        steps=clips * job.plan.sampling.steps,
    )


def made(scene: Scene, jobs: Sequence[Job], price_per_device_hour: float | None) -> Scene:
    """Its clip is there: the file of the last of its jobs, which holds all of it; or it was there before."""
    if scene.clip is not None:
        return replace(scene, phase=ScenePhase.MADE, failure=None)
    last = jobs[-1]
    device_s = sum((job.measured or Measured()).device_seconds for job in jobs)
    return replace(
        scene,
        phase=ScenePhase.MADE,
        clip=last.artifacts["video"],
        frames=last.plan.whole.frames,
        fps=last.plan.whole.fps,
        cached=all(job.cache.hit and job.cache.kind != "similar" for job in jobs),
        step=scene.steps,
        device_seconds=device_s,
        saved_step_seconds=sum(job.cache.saved_step_seconds for job in jobs),
        cost=None if price_per_device_hour is None else device_s * price_per_device_hour / 3600,
        failure=None,
    )


def failed(scene: Scene, failure: Failure) -> Scene:
    """It cannot be made."""
    return replace(scene, phase=ScenePhase.FAILED, failure=failure)


def again(scene: Scene, narration_too: bool = False) -> Scene:
    """To be made once more, as it is wished: another job, and, where that is gone, another narration."""
    narration = None if narration_too else scene.narration
    return replace(_unmade(scene), attempts=scene.attempts + 1, narration=narration)


def wished(scene: Scene, wish: SceneWish, told: Told, same_clip: bool, steps: int) -> Scene:
    """The scene with another wish; `same_clip`: the clip that it has, or that is being made, serves that as well.

    So a title, a caption or a transition costs no generation, and another text none where the length is given.
    """
    same_text = wish.narration == scene.wish.narration
    narration = scene.narration if same_text else told.narration
    revised = replace(
        scene,
        wish=wish,
        revision=scene.revision + 1,
        narration=narration,
        estimate=told.estimate,
        warnings=told.warnings,
        steps=scene.steps if same_clip else steps,
        caption=scene.caption if same_text and wish.prompt == scene.wish.prompt else None,
    )
    if not same_clip or scene.phase is ScenePhase.FAILED:
        return replace(_unmade(revised), attempts=scene.attempts + 1)
    mute = bool(wish.narration) and narration is None
    return replace(revised, phase=ScenePhase.MAKING) if mute and scene.phase is ScenePhase.MADE else revised


def kept_from_before(scene: Scene) -> Scene:
    """One that is not made again for a new revision of the storyboard: it cost that nothing."""
    if scene.phase is not ScenePhase.MADE or scene.cached:
        return scene if scene.narration is None else replace(scene, narration=replace(scene.narration, cached=True))
    saved = scene.estimate.step_seconds if scene.estimate is not None else 0.0
    narration = scene.narration and replace(scene.narration, cached=True)
    return replace(scene, cached=True, saved_step_seconds=saved, narration=narration)


def _unmade(scene: Scene) -> Scene:
    return replace(
        scene,
        phase=ScenePhase.WAITING,
        former_ids=(*scene.former_ids, *scene.job_ids),
        job_ids=(),
        clip=None,
        frames=0,
        fps=0,
        seconds=0.0,
        cached=False,
        step=0,
        eta_s=None,
        device_seconds=0.0,
        saved_step_seconds=0.0,
        cost=None,
        failure=None,
    )


# --- the whole ---


def started(story: Storyboard, now: float) -> Storyboard:
    """Somebody makes it."""
    return replace(story, phase=StoryPhase.MAKING, started_at=story.started_at or now)


def tried(story: Storyboard, tries: int) -> Storyboard:
    """It could not be gone on with, so often in a row; 0: it could."""
    return replace(story, tries=tries)


def assembling(story: Storyboard, places: Sequence[Place]) -> Storyboard:
    """Its scenes are put together, by who has this fence."""
    return placed(replace(story, phase=StoryPhase.ASSEMBLING, fence=story.fence + 1), places)


def placed(story: Storyboard, places: Sequence[Place]) -> Storyboard:
    """It is known how long its scenes last in the film."""
    scenes = (
        replace(scene, seconds=place.frames / story.fps) for scene, place in zip(story.scenes, places, strict=True)
    )
    return replace(story, scenes=tuple(scenes))


def completed(story: Storyboard, film: FilmMade, now: float, expires_at: float, cached: bool) -> Storyboard:
    """The film is there."""
    return replace(
        story,
        phase=StoryPhase.COMPLETED,
        completed_at=now,
        expires_at=expires_at,
        failure=None,
        artifacts=dict(film.artifacts),
        frames=film.frames,
        seconds=film.frames / film.fps,
        width=film.width,
        height=film.height,
        assembly_s=0.0 if cached else film.took_s,
        cached=cached,
        tries=0,
    )


def ended(story: Storyboard, failure: Failure, now: float, expires_at: float) -> Storyboard:
    """It has failed, or was cancelled; scenes that are made are kept, the others end with it."""
    scenes = tuple(scene if scene.phase.ended else failed(scene, failure) for scene in story.scenes)
    return replace(
        story,
        phase=StoryPhase.FAILED,
        scenes=scenes,
        failure=failure,
        completed_at=now,
        expires_at=expires_at,
        tries=0,
    )


def changed(story: Storyboard, number: int, scene: Scene, now: float) -> Storyboard:
    """Another revision, with that scene; the others cost it nothing."""
    taken = taken_up(story, now)
    scenes = tuple(scene if each == number else kept_from_before(other) for each, other in enumerate(taken.scenes, 1))
    wish = replace(story.wish, scenes=tuple(each.wish for each in scenes))
    return replace(taken, wish=wish, scenes=scenes, revision=story.revision + 1)


def retried(story: Storyboard, number: int, now: float) -> Storyboard:
    """With scene `number` to be made again, if it has failed; what was made of the others stays."""
    scene = story.scenes[number - 1]
    again_of = again(scene) if scene.phase is ScenePhase.FAILED else scene
    return taken_up(story.with_scene(number, again_of), now)


def taken_up(story: Storyboard, now: float) -> Storyboard:
    """One whose scenes are to be made once more, or another way; so are those that had ended with the whole."""
    deadline_s = story.wish.deadline_s
    artifacts: dict[str, Artifact] = {}
    whole = story.failure if story.phase is StoryPhase.FAILED else None  # which scenes that ended with it have, too
    scenes = tuple(again(each) if whole is not None and each.failure == whole else each for each in story.scenes)
    return replace(
        story,
        scenes=scenes,
        phase=StoryPhase.MAKING if story.phase is not StoryPhase.QUEUED else story.phase,
        failure=None,
        artifacts=artifacts,
        frames=0,
        seconds=0.0,
        assembly_s=0.0,
        cached=False,
        tries=0,
        deadline=now + deadline_s if deadline_s is not None and story.phase.ended else story.deadline,
    )
