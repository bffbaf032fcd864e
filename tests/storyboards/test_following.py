"""A storyboard told as it happens: the tree after each change, from wherever a follower stood, to its end."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from app.storyboards.views import StoryEvent
from app.types import Phase
from app.types.storyboard import SceneWish
from tests.storyboards.stage import CALLER, Stage, a_wish

pytestmark = pytest.mark.anyio
WISH = a_wish(SceneWish("a red ball", narration="A ball."), "a blue cube")


class Follower:
    """Reads along in a task of its own."""

    def __init__(self, stage: Stage, story_id: str, after: str | None = None) -> None:
        self.told: list[StoryEvent] = []
        self._news = asyncio.Event()
        self._task = asyncio.ensure_future(self._read(stage, story_id, after))

    async def _read(self, stage: Stage, story_id: str, after: str | None) -> None:
        async for event in stage.storyboards.follow(story_id, CALLER, after):
            self.told.append(event)
            self._news.set()

    async def until(self, kind: str) -> StoryEvent:
        with anyio.fail_after(10.0):
            while not any(event.kind == kind for event in self.told):
                self._news.clear()
                await self._news.wait()
        return next(event for event in self.told if event.kind == kind)

    async def end(self) -> list[StoryEvent]:
        with anyio.fail_after(10.0):
            await self._task
        return self.told


async def test_all_of_a_way_is_told_from_the_snapshot_to_the_end() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    follower = Follower(stage, story_id)
    await follower.until("snapshot")
    await stage.run(story_id)
    told = await follower.end()
    assert [event.kind for event in told][0] == "snapshot"
    assert [event.kind for event in told].count("end") == 1
    assert told[-1].kind == "end"
    last = told[-1].view
    assert last is not None
    assert (last.progress, [scene.stage for scene in last.scenes]) == (100, ["made", "made"])
    assert {event.number for event in told if event.kind == "scene"} == {1, 2}
    shown = [event.view.progress for event in told if event.view is not None]
    assert shown == sorted(shown)


async def test_a_step_of_a_scenes_job_is_told_as_that_scene() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    follower = Follower(stage, story_id)
    await follower.until("snapshot")
    job_id = (await stage.story(story_id)).scenes[1].job_ids[0]
    fence = (await stage.stores.jobs.lease(job_id, "main", 30.0, stage.clock())).fence
    await stage.stores.jobs.advance(job_id, fence, Phase.DENOISING, stage.clock(), 5, 4.0)
    await stage.stores.events.append(job_id, "step", stage.clock(), {"step": 5}, fence)
    told = await follower.until("scene")
    assert told.view is not None
    assert told.number == 2
    scene = told.view.scenes[1]
    assert (scene.stage, scene.step, scene.eta_s) == ("denoising", 5, 4.0)
    await stage.storyboards.cancel(story_id, CALLER)
    await follower.end()


async def test_who_goes_on_behind_an_event_is_told_how_it_stands_only_where_it_has_missed_something() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    first = Follower(stage, story_id)
    seen = await first.until("snapshot")
    second = Follower(stage, story_id, seen.id)
    for _ in range(50):  # steps of the loop, until it waits for news
        await asyncio.sleep(0)
    await stage.run(story_id)
    await first.end()
    assert "snapshot" not in [event.kind for event in await second.end()]
    again = await Follower(stage, story_id, seen.id).end()
    assert [event.kind for event in again] == ["snapshot", "end"]
    assert not await stage.storyboards.told_all(story_id, CALLER, seen.id)
    assert await stage.storyboards.told_all(story_id, CALLER, again[-1].id)


async def test_the_end_of_another_revision_is_another_end() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    await stage.run(story_id)
    (*_, end) = await Follower(stage, story_id).end()
    await stage.storyboards.change_scene(story_id, 2, lambda scene: SceneWish("a green cone"), CALLER)
    assert not await stage.storyboards.told_all(story_id, CALLER, end.id)
    await stage.run(story_id)
    assert not await stage.storyboards.told_all(story_id, CALLER, end.id)


async def test_a_follower_of_one_that_is_deleted_is_told_its_end() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    follower = Follower(stage, story_id)
    await follower.until("snapshot")
    await stage.storyboards.delete(story_id, CALLER)
    told = await follower.end()
    assert told[-1].kind == "end"


async def test_one_that_has_ended_is_waited_for_no_more() -> None:
    stage = Stage()
    story_id = await stage.begin(WISH)
    waiting = asyncio.ensure_future(stage.storyboards.wait(story_id, CALLER, 10.0))
    await stage.run(story_id)
    assert (await waiting).progress == 100
