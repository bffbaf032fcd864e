"""What is next for a scene and for the whole, from the record alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.storyboards.decide import Assemble, End, Failed, Made, Speak, Submit, Wait, of_scene, of_story
from app.types import Failure, Job, Phase
from app.types.storyboard import Fit, Narration, Scene, ScenePhase, SceneWish, Storyboard, StoryPhase
from tests.jobs.make import PLAN, VIDEO, a_job
from tests.jobs.storyboards.make import a_story

SPOKEN = Narration(VIDEO, 4.0)
MUTE = SceneWish("a ball")
TOLD = SceneWish("a ball", narration="A ball.")


def a_making(*scenes: Scene, **changed: Any) -> Storyboard:
    story = a_story(scenes=len(scenes), phase=StoryPhase.MAKING, **changed)
    wish = replace(story.wish, scenes=tuple(scene.wish for scene in scenes))
    return replace(story, wish=wish, scenes=scenes)


def with_job(wish: SceneWish, **changed: Any) -> Scene:
    return Scene(wish, phase=ScenePhase.MAKING, job_ids=("video_1",), **changed)


def ended(phase: Phase = Phase.COMPLETED, **changed: Any) -> Job:
    return a_job(phase=phase, artifacts={"video": VIDEO}, **changed)


@pytest.mark.parametrize(
    ("scene", "moves"),
    [
        (Scene(MUTE), [Submit()]),
        (Scene(TOLD), [Speak()]),
        (Scene(TOLD, narration=SPOKEN), [Submit()]),
        (Scene(replace(TOLD, seconds=2.0)), [Speak(), Submit()]),
        (Scene(replace(TOLD, seconds=2.0, fit=Fit.EXTEND)), [Speak()]),
        (Scene(MUTE, phase=ScenePhase.MADE), []),
        (Scene(MUTE, phase=ScenePhase.FAILED), []),
        (Scene(TOLD, phase=ScenePhase.MAKING, clip=VIDEO), [Speak()]),
        (Scene(MUTE, phase=ScenePhase.MAKING, clip=VIDEO), [Made()]),
    ],
)
def test_a_scene_is_spoken_before_its_clip_where_its_length_follows_from_that(
    scene: Scene, moves: list[object]
) -> None:
    assert list(of_scene(a_making(scene), 1, None)) == moves


@pytest.mark.parametrize(
    ("scene", "job", "moves"),
    [
        (with_job(MUTE), a_job(), []),
        (with_job(MUTE), ended(), [Made()]),
        (with_job(replace(TOLD, seconds=2.0)), ended(), [Speak()]),
        (with_job(TOLD, narration=SPOKEN), ended(), [Made()]),
        (with_job(replace(TOLD, fit=Fit.EXTEND), narration=SPOKEN), ended(), [Submit("video_1", PLAN.spec.seconds)]),
        (with_job(replace(MUTE, fit=Fit.EXTEND, seconds=2.1)), ended(), [Made()]),
        (with_job(MUTE), ended(Phase.FAILED, failure=Failure("x", "why")), [Failed(Failure("x", "why"))]),
    ],
)
def test_a_scene_with_a_job_waits_for_it_goes_on_from_it_or_ends_with_it(
    scene: Scene, job: Job, moves: list[object]
) -> None:
    assert list(of_scene(a_making(scene), 1, replace(job, id="video_1"))) == moves


def test_a_scene_whose_job_is_gone_has_failed() -> None:
    (move,) = of_scene(a_making(with_job(MUTE)), 1, None)
    assert isinstance(move, Failed)
    assert move.failure.code == "video_deleted"


MADE, OPEN = Scene(MUTE, phase=ScenePhase.MADE), Scene(MUTE)
LOST = Scene(MUTE, phase=ScenePhase.FAILED, failure=Failure("x", "why"))


@pytest.mark.parametrize(
    ("scenes", "now", "move"),
    [
        ((MADE, OPEN), 10.0, Wait()),
        ((LOST, OPEN), 10.0, Wait()),
        ((MADE, MADE), 10.0, Assemble()),
        ((MADE, LOST), 10.0, End(Failure("scene_failed", "Scene 2 failed: why"))),
        ((MADE, OPEN), 60.0, End(Failure("timeout", "The storyboard was not done by its deadline."))),
    ],
)
def test_the_whole_waits_for_all_of_its_scenes_until_its_deadline(
    scenes: tuple[Scene, ...], now: float, move: object
) -> None:
    assert of_story(a_making(*scenes, deadline=60.0), now) == move
