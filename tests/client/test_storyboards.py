"""The client's verbs of storyboards, against the service itself behind a real HTTP server."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.session import say_json
from app.client.storyboard_records import Storyboard, StoryboardEvent
from tests.api.films import FILM
from tests.api.house import VIDEO, House
from tests.api.served import served
from tests.api.test_storyboards import break_scene, make

pytestmark = pytest.mark.anyio

TWO = {"title": "Two", "scenes": [{"prompt": "a red ball", "narration": "A ball."}, {"prompt": "a blue square"}]}


@pytest.fixture
def house() -> House:
    return House(clock=time.time)


@pytest.fixture
async def kinoray(house: House) -> AsyncIterator[Kinoray]:
    async with served(house) as server, Kinoray(server.url) as client:
        yield client


async def test_a_film_is_asked_for_followed_and_written_down(house: House, kinoray: Kinoray, tmp_path: Path) -> None:
    story = await kinoray.create_storyboard(TWO, idempotency_key="two")
    assert (story.status, story.title, len(story.scenes), story.ended) == ("in_progress", "Two", 2, False)
    assert (await kinoray.create_storyboard(TWO, idempotency_key="two")).id == story.id
    seen: list[StoryboardEvent] = []
    async with anyio.create_task_group() as group:
        group.start_soon(make, house, story.id)
        done = await kinoray.wait_for_storyboard(story.id, on_event=seen.append)
    assert (done.status, done.progress, done.usage.generations, done.error) == ("completed", 100, 2, None)
    assert seen[0].storyboard is not None
    assert (seen[0].storyboard.id, seen[-1].kind) == (story.id, "end")
    path = await kinoray.download_storyboard(story.id, tmp_path / "film.mp4")
    assert path.read_bytes() == FILM
    await kinoray.download_storyboard(story.id, tmp_path / "two.mp4", scene=2)
    assert (tmp_path / "two.mp4").read_bytes() == VIDEO
    await kinoray.download_storyboard(story.id, tmp_path / "film.srt", variant="srt")
    with pytest.raises(FileExistsError):
        await kinoray.download_storyboard(story.id, tmp_path / "film.srt", "srt", overwrite=False)


async def test_a_scene_is_changed_and_a_stale_change_says_what_stands(house: House, kinoray: Kinoray) -> None:
    story = await kinoray.create_storyboard(TWO)
    changed = await kinoray.change_scene(story.id, 1, {"narration": None, "title": "One"}, revision=1)
    assert (changed.revision, changed.scenes[0].narration, changed.scenes[0].title) == (2, None, "One")
    with pytest.raises(KinorayClientError) as refused:
        await kinoray.change_scene(story.id, 1, {"title": "Late"}, revision=1)
    assert (refused.value.status, refused.value.code, refused.value.revision) == (409, "revision_conflict", 2)


async def test_a_failed_scene_is_tried_again(house: House, kinoray: Kinoray) -> None:
    story = await kinoray.create_storyboard(TWO)
    await break_scene(house, story.id, 2)
    await make(house, story.id)
    failed = await kinoray.storyboard(story.id)
    assert failed.error is not None
    assert (failed.status, failed.error.scene, failed.scenes[1].error is not None) == ("failed", 2, True)
    again = await kinoray.retry_scene(story.id, 2)
    assert (again.status, again.error) == ("in_progress", None)


async def test_storyboards_are_listed_stopped_and_forgotten(kinoray: Kinoray) -> None:
    ids = [(await kinoray.create_storyboard({**TWO, "seed": number})).id for number in range(3)]
    page = await kinoray.storyboards(limit=2)
    assert ([each.id for each in page.storyboards], page.has_more, page.last_id) == (ids[:0:-1], True, ids[1])
    assert [each.id for each in (await kinoray.storyboards(after=page.last_id)).storyboards] == ids[:1]
    stopped = await kinoray.cancel_storyboard(ids[0])
    assert stopped.error is not None
    assert (stopped.ended, stopped.error.code) == (True, "cancelled")
    assert await kinoray.delete_storyboard(ids[0])
    with pytest.raises(KinorayClientError, match="no storyboard"):
        await kinoray.storyboard(ids[0])


async def test_a_text_is_drafted_planned_and_made(house: House, kinoray: Kinoray) -> None:
    draft = await kinoray.draft_storyboard("A red ball bounces. It meets a blue square.", scenes=2, by="rules")
    assert (draft.by, len(draft.storyboard["scenes"])) == ("rules", 2)
    plan = await kinoray.analyze_storyboard(draft.storyboard)
    assert (plan.model, len(plan.scenes), plan.seconds > 0, plan.steps > 0) == ("shapes", 2, True, True)
    assert await house.count() == 0
    assert len((await kinoray.create_storyboard(draft.storyboard)).scenes) == 2


async def test_a_refusal_names_the_field_of_the_scene(kinoray: Kinoray) -> None:
    with pytest.raises(KinorayClientError) as refused:
        await kinoray.create_storyboard({"scenes": [{"prompt": "a ball"}, {"prompt": "a ball", "seconds": -1}]})
    assert (refused.value.status, refused.value.param) == (400, "scenes[1].seconds")


def test_a_record_has_by_name_what_a_newer_server_says(capsys: pytest.CaptureFixture[str]) -> None:
    story = Storyboard.parse({"id": "story_1", "seconds": "2.5", "scenes": [{"number": 1, "mood": "calm"}], "new": 7})
    assert (story.seconds, story["new"], story.scenes[0]["mood"], story.get("absent")) == (2.5, 7, "calm", None)
    say_json([story])
    assert json.loads(capsys.readouterr().out) == [dict(story)]


@pytest.mark.parametrize("answer", [None, [], {"object": "storyboard"}, {"id": 7}])
def test_what_is_no_storyboard_is_a_stranger(answer: object) -> None:
    with pytest.raises(KinorayClientError):
        Storyboard.parse(answer)


async def test_voices_are_listed_and_heard(house: House, kinoray: Kinoray) -> None:
    found = await kinoray.voices()
    assert (found.available, found.voices[0].id, found.voices[0].language) == (True, "anna", "de")
    assert await kinoray.preview_voice("Good day.", voice="bob", language=None) == b"Good day."
    house.films.dumb = True
    with pytest.raises(KinorayClientError) as refused:
        await kinoray.preview_voice("Good day again.")
    assert (refused.value.status, refused.value.code) == (404, "no_voice")
