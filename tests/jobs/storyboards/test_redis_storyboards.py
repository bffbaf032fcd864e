"""What only the store in Redis has to get right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import NotReplicated, StoreUnavailable, StoryboardNotFound
from app.jobs.admission_limits import IdempotencyKey
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.outbox import RedisOutbox
from app.jobs.storyboards.redis_storyboards import RedisStoryboards
from app.jobs.storyboards.scripts import StoryKeys
from app.redis.commands import Commands
from app.redis.connection import Client, connect
from app.types.storyboard import StoryPhase
from tests.jobs.storyboards.make import CLIP, HOOK, a_story
from tests.redis_pair import Pair

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

KEY = IdempotencyKey("mine", "digest", 600.0)


async def test_one_damaged_record_does_not_hold_up_the_list(redis: Client, prefix: str) -> None:
    stories = RedisStoryboards(redis, prefix)
    bad, good = [await stories.create(a_story(float(place)), None, 9) for place in range(2)]
    await Commands(redis).call("HSET", StoryKeys(prefix).story(bad.id), "record", b"{broken")
    assert (await stories.list("public", None, 9, False)).stories == (good,)
    with pytest.raises(StoreUnavailable, match="damaged"):
        await stories.get(bad.id)


async def test_both_versions_of_the_protocol_are_understood(redis_url: str, prefix: str) -> None:
    redis = connect(f"{redis_url}?protocol=2", 5.0)
    stories = RedisStoryboards(redis, prefix)
    story = await stories.create(a_story(), KEY, 9)
    assert await stories.create(a_story(), KEY, 9) == await stories.get(story.id) == story
    assert await stories.claim(1.0, 2.0, 9) == [story.id]
    done = await stories.replace(replace(story, phase=StoryPhase.FAILED, expires_at=3.0))
    assert (await stories.list("public", None, 9, True)).stories == (done,)
    assert list(await stories.expired(3.0, 9)) == [done]
    assert await stories.delete(story.id, "public") == done
    await redis.aclose()


async def test_a_redis_that_has_storyboards_is_in_use(redis: Client, prefix: str) -> None:
    stories, jobs = RedisStoryboards(redis, prefix), RedisJobs(redis, prefix)
    assert not await jobs.any()
    story = await stories.create(a_story(), None, 9)
    assert await jobs.any()
    await stories.replace(replace(story, phase=StoryPhase.FAILED, expires_at=1e11))
    assert await jobs.any()


async def test_a_deleted_one_leaves_no_key_behind_but_its_place_for_a_day(redis: Client, prefix: str) -> None:
    stories = RedisStoryboards(redis, prefix)
    story = a_story(webhook=HOOK)
    story = await stories.create(story.with_scene(1, replace(story.scenes[0], clip=CLIP)), None, 9, until=5.0)
    await stories.delete(story.id, "public")
    cursor = StoryKeys(prefix).cursor(story.id)
    assert await Commands(redis).call("KEYS", f"*{prefix}*") == [cursor.encode()]


async def test_what_no_replica_confirms_is_refused_and_leaves_nothing(
    pair: Pair, replicated: Client, prefix: str
) -> None:
    stories, story = RedisStoryboards(replicated, prefix), a_story(webhook=HOOK)
    story = story.with_scene(1, replace(story.scenes[0], clip=CLIP))
    await stories.create(a_story(tenant="other"), None, 9)  # the replica is known to keep up
    pair.freeze()
    with pytest.raises(NotReplicated):
        await stories.create(story, KEY, 1)
    with pytest.raises(StoryboardNotFound):
        await stories.get(story.id)
    assert await stories.count_open() == 1
    assert await RedisBoard(replicated, prefix).holders("video_0123456789abcdef") == set()
    pair.wake()
    assert await stories.create(story, KEY, 1) == story
    pair.freeze()
    with pytest.raises(NotReplicated):  # nobody knows yet whether the first one stays
        await stories.create(a_story(), KEY, 1)
    pair.wake()


async def test_a_change_is_promised_where_that_is_asked_and_an_end_goes_on_without_a_replica(
    pair: Pair, replicated: Client, prefix: str
) -> None:
    stories = RedisStoryboards(replicated, prefix)
    story = await stories.create(a_story(webhook=HOOK), None, 9)
    pair.freeze()
    done = await stories.replace(replace(story, phase=StoryPhase.FAILED))
    assert await RedisOutbox(replicated, prefix).waiting([story.id]) == {story.id}
    with pytest.raises(NotReplicated):
        await stories.replace(replace(done, phase=StoryPhase.MAKING), promised=True)
    assert await stories.get(story.id) == done  # a replica was known to be lacking: it was not written at all
    pair.wake()
    assert (await stories.replace(replace(done, phase=StoryPhase.MAKING), promised=True)).phase is StoryPhase.MAKING
