"""Storyboards in a backup of a real Redis: those under way go on after a restore, and write where nobody has."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import StoryboardNotFound
from app.jobs.epoch import was_restored
from app.redis.connection import Client
from app.service.story_recovery import FILM_GONE, UNKNOWN, lost_story_or
from app.service.videos import VideoService
from app.settings import Settings
from app.stores import Stores, stores_on
from app.storyboards.memory_work import MemoryFilmWork
from app.storyboards.storyboards import Storyboards
from app.types import STORY_EVENTS, Artifact, Caller, Webhook
from app.types.storyboard import Storyboard, StoryPhase
from cluster.backup import back_up
from cluster.restoring import restore
from tests.api.house import MODEL
from tests.jobs.storyboards.make import CLIP, HOOK, a_story
from tests.storyboards.stage import Stage, a_wish, forever
from tests.webhooks.test_message import SECRET

pytestmark = [pytest.mark.anyio, pytest.mark.redis]
FAR = 1e11  # after any test


@pytest.fixture
def stores(redis: Client, prefix: str, tmp_path: Path) -> Stores:
    return stores_on(redis, Settings(redis_prefix=prefix, artifacts_url=(tmp_path / "artifacts").as_uri()))


async def assembling(stores: Stores, story: Storyboard) -> Storyboard:
    """Taken up by whoever assembles it next."""
    again = replace(story, phase=StoryPhase.ASSEMBLING, fence=story.fence + 1, artifacts={})
    return await stores.storyboards.replace(again)


async def film(stores: Stores, story: Storyboard, content: bytes) -> Storyboard:
    """It is assembled and closed, under the fence that it has."""
    made = await stores.artifacts.put(f"{story.id}/{story.fence}/film.mp4", content, "video/mp4")
    done = replace(story, phase=StoryPhase.COMPLETED, artifacts={"video": made}, completed_at=200.0, expires_at=FAR)
    return await stores.storyboards.replace(done)


async def test_one_under_way_goes_on_and_ends_under_fences_that_were_never_given(
    redis: Client, prefix: str, tmp_path: Path, stores: Stores
) -> None:
    story = a_story(webhook=HOOK)
    story = await stores.storyboards.create(story.with_scene(1, replace(story.scenes[0], clip=CLIP)), None, 9)
    story = await assembling(stores, story)
    await stores.storyboards.claim(100.0, FAR, 9)
    await back_up(redis, prefix, tmp_path / "b")
    await film(stores, await assembling(stores, story), b"a film of after the backup")
    done = await restore(redis, prefix, tmp_path / "b", stores, replace=True)
    assert (done.stories.waiting, done.stories.lost) == ((story.id,), {})
    assert "1 storyboards that had not ended go on with them." in list(done.sentences())
    assert await stores.outbox.count() == 0

    kept = await stores.storyboards.get(story.id)
    assert kept == replace(story, fence=done.epoch)
    assert was_restored(kept.fence)
    assert list(await stores.storyboards.claim(done.restored_at, FAR, 9)) == [story.id]
    assert not await stores.storyboards.renew(story.id, story.fence, FAR)
    ended = await film(stores, await assembling(stores, kept), b"another film")
    assert await stores.artifacts.exists(ended.artifacts["video"])
    assert await stores.outbox.waiting([story.id]) == {story.id}
    assert await stores.board.holders("video_0123456789abcdef") == {story.id}
    assert await stores.storyboards.count_open() == 0


async def test_one_that_had_ended_is_changed_under_fences_that_were_never_given(
    redis: Client, prefix: str, tmp_path: Path, stores: Stores
) -> None:
    story = await film(stores, await assembling(stores, await stores.storyboards.create(a_story(), None, 9)), b"one")
    await back_up(redis, prefix, tmp_path / "b")
    making = await stores.storyboards.replace(replace(story, phase=StoryPhase.MAKING))
    await film(stores, await assembling(stores, making), b"two")
    done = await restore(redis, prefix, tmp_path / "b", stores, replace=True)
    assert (done.stories.waiting, done.stories.lost) == ((), {})
    kept = await stores.storyboards.get(story.id)
    assert kept == replace(story, fence=done.epoch)
    making = await stores.storyboards.replace(replace(kept, phase=StoryPhase.MAKING))
    await film(stores, await assembling(stores, making), b"three")


class OnRedis(Stage):
    """A service's stage over stores in Redis and files in a folder."""

    def __init__(self, stores: Stores) -> None:
        super().__init__(webhook_secret=SECRET)
        self.stores, self.clock.now = stores, time.time()
        self.ports = self._ports((MODEL,))
        self.work = MemoryFilmWork(stores.storyboards, stores.artifacts)
        self.service = VideoService(self.ports, self.settings, self.clock)
        self.storyboards = Storyboards(self.service, self.work, forever)


@pytest.mark.parametrize("made", [0, 1, 3])
async def test_a_storyboard_ends_well_after_a_restore_wherever_the_backup_found_it(
    redis: Client, prefix: str, tmp_path: Path, stores: Stores, made: int
) -> None:
    before = OnRedis(stores)
    hook = Webhook("https://example.com/hook", STORY_EVENTS)
    story_id = await before.begin(a_wish("a red ball rolls", "a blue cube falls", "a green cone turns", webhook=hook))
    await before.make(made)
    await back_up(redis, prefix, tmp_path / "b")
    first = await before.run(story_id)
    done = await restore(redis, prefix, tmp_path / "b", stores, replace=True)
    assert done.stories.waiting == (story_id,)
    again = await OnRedis(stores).run(story_id)
    for story in (first, again):
        assert (story.phase, story.failure) == (StoryPhase.COMPLETED, None)
    assert all([await stores.artifacts.exists(each) for each in (*first.artifacts.values(), *again.artifacts.values())])
    assert first.fence < done.epoch < again.fence
    assert not {each.key for each in again.artifacts.values()} & {each.key for each in first.artifacts.values()}
    assert await stores.outbox.waiting([story_id]) == {story_id}
    assert await stores.storyboards.count_open() == 0


@pytest.mark.parametrize("look", [True, False])
async def test_those_that_are_lost_are_named_and_say_so_when_asked_for(
    redis: Client, prefix: str, tmp_path: Path, stores: Stores, look: bool
) -> None:
    gone = await film(stores, await assembling(stores, await stores.storyboards.create(a_story(), None, 9)), b"one")
    await back_up(redis, prefix, tmp_path / "b")
    later = await stores.storyboards.create(a_story(), None, 9)
    await stores.artifacts.delete(Artifact(f"{gone.id}/1/film.mp4", "video/mp4", 3))
    done = await restore(redis, prefix, tmp_path / "b", stores, replace=True, look=look)
    assert done.stories.lost == {later.id: UNKNOWN} | ({gone.id: FILM_GONE} if look else {})
    assert f"  {later.id}: {UNKNOWN}" in list(done.sentences())
    with pytest.raises(StoryboardNotFound, match=UNKNOWN) as missing:
        await OnRedis(stores).storyboards.get(later.id, Caller("public"))
    assert missing.value.error_code == "storyboard_lost"
    other = StoryboardNotFound("There is none.")
    for story_id in (a_story().id, "../x"):
        assert await lost_story_or(other, story_id, stores.board) is other
