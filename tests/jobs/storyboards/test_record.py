from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from app.errors import StoreUnavailable, StoryboardNotFound
from app.jobs.storyboards.record import FORM, story_from_fields, story_from_json, story_to_fields, story_to_json
from app.jobs.storyboards.store import check_story_id
from app.types import Artifact, Delivery, Estimate, Failure
from app.types.storyboard import (
    CaptionMode,
    Fit,
    Narrator,
    Scene,
    ScenePhase,
    SceneWish,
    Storyboard,
    StoryPhase,
    StoryWish,
    Transition,
)
from app.types.understood import PlanWarning
from tests.jobs.storyboards.make import CLIP, HOOK, PICTURE, SPEECH, a_story

WISH = SceneWish(
    "a red ball", "One", 2.5, 'It "rolls" 球.', "It rolls.", PICTURE, "ink", "preview", 7, Transition.FADE, Fit.LOOP
)
SCENE = Scene(
    WISH,
    revision=2,
    phase=ScenePhase.FAILED,
    attempts=3,
    job_ids=("video_0123456789", "video_1234567890"),
    narration=SPEECH,
    clip=CLIP,
    frames=17,
    fps=8,
    seconds=2.125,
    cached=True,
    step=3,
    steps=20,
    eta_s=1 / 3,
    device_seconds=1.5,
    saved_step_seconds=2.5,
    cost=0.01,
    estimate=Estimate(1.5, 2.0, 0.02),
    failure=Failure("timeout", "It took too long."),
    warnings=(PlanWarning("odd", "It is odd."),),
)
FULL = Storyboard(
    id="story_" + "0" * 32,
    tenant="ann",
    wish=StoryWish(
        (WISH,),
        "The ball",
        narrator=Narrator("en-gb", "en-GB", 1.5),
        captions=CaptionMode.BURNT,
        music_level=0.25,
        music=Artifact("inputs/0123/89ab.flac", "audio/flac", 9),
        deadline_s=60.0,
        webhook=HOOK,
        deterministic=True,
    ),
    scenes=(SCENE,),
    phase=StoryPhase.FAILED,
    created_at=1e9 + 1 / 3,
    version=7,
    revision=3,
    fence=2,
    started_at=101.25,
    completed_at=104.0,
    expires_at=900.0,
    failure=Failure("none", 'with "quotes" and 球'),
    artifacts={"video": CLIP},
    delivery=Delivery("waiting", 1, "http_500", 104.5, 110.0),
    deadline=160.0,
    key_id="key_1",
    trace="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
)


def fields_of(story: Storyboard) -> dict[bytes, bytes]:
    def plain(value: object) -> bytes:
        return value if isinstance(value, bytes) else str(value).encode()

    return {name.encode(): plain(value) for name, value in story_to_fields(story).items()}


@pytest.mark.parametrize("story", [a_story(), a_story(scenes=60), FULL])
def test_a_record_comes_back_as_it_was(story: Storyboard) -> None:
    assert story_from_json(story_to_json(story)) == story
    assert story_from_fields(fields_of(story)) == story


OLD = b"""{"form":1,"story":{"id":"story_0123456789abcdef","tenant":"ann","wish":{"scenes":[{"prompt":"a ball"}]},
"scenes":[{"wish":{"prompt":"a ball"}}],"phase":"making","created_at":100.0}}"""


def test_what_a_record_lacks_is_as_if_it_had_not_been_asked_for_and_what_it_has_more_is_passed_over() -> None:
    story = story_from_json(OLD)
    wish = SceneWish("a ball")
    expected = Storyboard("story_0123456789abcdef", "ann", StoryWish((wish,)), (Scene(wish),), StoryPhase.MAKING, 100.0)
    assert story == expected
    assert story_from_json(OLD.replace(b'"phase"', b'"unheard_of":[1],"phase"')) == expected


def test_a_fence_that_was_lifted_beside_the_record_counts() -> None:
    assert story_from_fields(fields_of(FULL) | {b"fence": b"1700000000000"}) == replace(FULL, fence=1700000000000)


def test_a_newer_form_is_refused_in_plain_words() -> None:
    with pytest.raises(StoreUnavailable, match=rf"form {FORM + 1}; this Kinoray reads up to {FORM}"):
        story_from_json(orjson.dumps({"form": FORM + 1, "story": {}}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"form":1}',
        b'{"form":"x","story":{}}',
        b'{"form":1,"story":[]}',
        b"\x80\x04K\x01.",
        OLD.replace(b'"making"', b'"painting"'),
        OLD.replace(b"100.0", b'"soon"'),
        OLD.replace(b'"ann"', b"null"),
    ],
)
def test_a_damaged_record_is_an_error_of_the_store(data: bytes) -> None:
    with pytest.raises(StoreUnavailable):
        story_from_json(data)


@pytest.mark.parametrize("kept", [{}, {b"record": OLD}, {b"record": OLD, b"fence": b"x"}])
def test_a_hash_that_lacks_something_is_damaged(kept: dict[bytes, bytes]) -> None:
    with pytest.raises(StoreUnavailable, match="damaged"):
        story_from_fields(kept)


@pytest.mark.parametrize("story_id", ["", "..", "story_", "story_../x", "video_0123456789", "story_" + "a" * 99])
def test_what_cannot_be_an_id_is_not_found(story_id: str) -> None:
    with pytest.raises(StoryboardNotFound):
        check_story_id(story_id)
