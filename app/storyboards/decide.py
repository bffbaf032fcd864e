"""What is next for a storyboard: its record, its newest jobs and the time come in, what to do goes out; pure.

Scenes are decided one by one, in the order of the story, and each goes its own way: its narration is spoken, where its
length follows from that before its clip is asked for; a clip that is to be extended is gone on with until it lasts as
long; one that fails takes nobody with it. When all have ended the film is put together, or the storyboard has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from app.errors import Cancelled, TimedOut
from app.storyboards import changes
from app.storyboards.clips import fit_of, wanted_s
from app.types import Failure, Job, Phase
from app.types.storyboard import Fit, Scene, ScenePhase, Storyboard, StoryPhase

HALF_FRAME: Final = 0.5
CANCELLED = Failure(Cancelled.code, "The storyboard was cancelled.")
LATE = Failure(TimedOut.code, "The storyboard was not done by its deadline.")


@dataclass(frozen=True, slots=True)
class Speak:
    """Have the scene's narration spoken."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Have a clip made: the scene's first, or one that goes on from the job `after`, which plays `has_s`."""

    after: str | None = None
    has_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Made:
    """Its jobs have made all of it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It will not be made."""

    failure: Failure


SceneMove: TypeAlias = Speak | Submit | Made | Failed


@dataclass(frozen=True, slots=True)
class Assemble:
    """All scenes are made."""


@dataclass(frozen=True, slots=True)
class End:
    """It has failed, and so have its scenes that have not ended."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Wait:
    """Something is under way."""


StoryMove: TypeAlias = Assemble | End | Wait


def of_scene(story: Storyboard, number: int, last: Job | None) -> Sequence[SceneMove]:
    """What may be done at once for scene `number`, from 1; nothing where all that can be done is to wait.

    `last` is the newest of its jobs as it stands; None where that is not on record.
    """
    scene = story.scenes[number - 1]
    if story.phase.ended or scene.phase.ended:
        return ()
    mute = bool(scene.wish.narration) and scene.narration is None
    moves: list[SceneMove] = [Speak()] if mute else []
    if scene.clip is not None:  # of an earlier revision, which had another text
        return moves or [Made()]
    if not scene.job_ids:
        return moves if mute and follows_from_narration(story, scene) else [*moves, Submit()]
    clip = _of_clip(story, number, last, mute)
    if isinstance(clip, Failed):
        return [clip]
    return moves if clip is None else [*moves, clip]


def _of_clip(story: Storyboard, number: int, last: Job | None, mute: bool) -> SceneMove | None:
    """Of a scene that has a job."""
    if last is None:
        return Failed(changes.GONE)
    if not last.phase.ended:
        return None
    if last.phase is not Phase.COMPLETED:
        return Failed(last.failure or Failure("generation_failed", "The scene's video could not be made."))
    if mute:
        return None
    whole, scene = last.plan.whole, story.scenes[number - 1]
    needed_s = wanted_s(story.wish, number, scene.narration.seconds if scene.narration else None)
    if fit_of(story.wish, scene.wish) is Fit.EXTEND and whole.seconds + HALF_FRAME / whole.fps < needed_s:
        return Submit(last.id, whole.seconds)
    return Made()


def follows_from_narration(story: Storyboard, scene: Scene) -> bool:
    """Whether what is asked of its clip depends on how long its narration is."""
    return scene.wish.seconds is None or fit_of(story.wish, scene.wish) is Fit.EXTEND


def of_story(story: Storyboard, now: float) -> StoryMove:
    """What is next for the whole, once nothing can be done at once for any of its scenes."""
    if story.deadline is not None and now >= story.deadline:
        return End(LATE)
    if not all(scene.phase.ended for scene in story.scenes):
        return Wait()
    lost = next(
        ((number, scene) for number, scene in enumerate(story.scenes, 1) if scene.phase is ScenePhase.FAILED), None
    )
    return Assemble() if lost is None else End(_of_lost(*lost))


def _of_lost(number: int, scene: Scene) -> Failure:
    why = scene.failure or Failure("generation_failed", "It could not be made.")
    return Failure("scene_failed", f"Scene {number} failed: {why.message}")


def jobs_to_look_at(story: Storyboard) -> list[str]:
    """Ids of the jobs on whose state something depends now."""
    open_scenes = () if story.phase.ended else story.scenes
    return [scene.job_ids[-1] for scene in open_scenes if scene.job_ids and not scene.phase.ended]


def under_way(story: Storyboard) -> bool:
    """Whether somebody is to go on with it."""
    return story.phase in (StoryPhase.QUEUED, StoryPhase.MAKING, StoryPhase.ASSEMBLING)
