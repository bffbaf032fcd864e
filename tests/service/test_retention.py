"""Records and files go when their time is over, and only then; what a dead process left is found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import pytest

from app.artifacts.memory import MemoryArtifacts
from app.errors import StoreUnavailable
from app.jobs.board import Board, MemoryBoard
from app.jobs.events import EventLog
from app.jobs.memory import MemoryEvents, MemoryJobs
from app.jobs.outbox import MemoryOutbox, Outbox
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.outbox import RedisOutbox
from app.jobs.store import JobStore, find
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.redis_storyboards import RedisStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.redis.connection import Client
from app.service.artifact_refs import forget_artifacts, mark_cached
from app.service.retention import Terms, Verdict, expire, judge, tidy
from app.telemetry import MemoryMeter
from app.types import Artifact, Failure, Job, Phase, Webhook, Wishes
from app.uploads.files import MemoryFileUploads
from app.uploads.loras import MemoryLoraUploads
from tests.jobs.make import a_job
from tests.redis_server import MEMORY_AND_REDIS
from tests.waiting import until

pytestmark = pytest.mark.anyio
DAY = 86400.0
TERMS = Terms(files_s=DAY, orphans_s=3600.0)
NOW = 10 * DAY


def done(at: float = NOW, **changed: Any) -> Job:
    return a_job(at, phase=Phase.COMPLETED, completed_at=at, expires_at=at + 7 * DAY, **changed)


OLD, NEW, UNDER_WAY = done(NOW - 2 * DAY), done(NOW - 10), a_job(NOW - 2 * DAY, phase=Phase.POSTPROCESSING)


@pytest.mark.parametrize(
    ("maker", "holders", "cached", "age_s", "verdict"),
    [
        (OLD, [OLD], False, 2 * DAY, Verdict.EXPIRED),
        (OLD, [OLD, NEW], False, 2 * DAY, Verdict.KEEP),  # a repeat was answered with them just now
        (OLD, [OLD, UNDER_WAY], False, 2 * DAY, Verdict.KEEP),  # one that waits in a flight
        (OLD, [OLD], True, 2 * DAY, Verdict.KEEP),
        (None, [], True, 2 * DAY, Verdict.KEEP),
        (None, [NEW], False, 2 * DAY, Verdict.KEEP),
        (None, [], False, 2 * DAY, Verdict.ORPHANED),
        (None, [], False, 60.0, Verdict.KEEP),  # within the grace
        (UNDER_WAY, [], False, 2 * DAY, Verdict.KEEP),  # a finisher may be about to record them
        (replace(OLD, phase=Phase.FAILED), [], False, 2 * DAY, Verdict.ORPHANED),
    ],
)
def test_what_is_referenced_is_kept(
    maker: Job | None, holders: list[Job], cached: bool, age_s: float, verdict: Verdict
) -> None:
    assert judge(maker, holders, cached, NOW - age_s, NOW, TERMS) is verdict


@dataclass
class Stores:
    jobs: JobStore
    events: EventLog
    board: Board
    outbox: Outbox
    artifacts: MemoryArtifacts
    meter: MemoryMeter
    storyboards: StoryboardStore
    loras: MemoryLoraUploads = field(default_factory=MemoryLoraUploads)
    uploads: MemoryFileUploads = field(default_factory=MemoryFileUploads)

    async def completed(self, at: float) -> Job:
        """A job on record with a file, as the finisher leaves it."""
        job = done(at)
        video = await self.artifacts.put(f"{job.id}/1/video.mp4", b"video", "video/mp4")
        job = replace(job, artifacts={"video": video})
        await self.board.hold(job.id, job.id)
        await self.jobs.create(job)
        return job

    async def repeat(self, of: Job, at: float) -> Job:
        job = done(at, artifacts=of.artifacts)
        await self.board.hold(of.id, job.id)
        await self.jobs.create(job)
        return job

    async def has(self, job: Job) -> bool:
        return await self.artifacts.exists(job.artifacts["video"])


@pytest.fixture(params=MEMORY_AND_REDIS)
def stores(request: pytest.FixtureRequest, redis: Client, prefix: str) -> Stores:
    artifacts, meter = MemoryArtifacts(lambda: NOW - 5 * DAY), MemoryMeter()
    if request.param == "redis":
        jobs, board, outbox = RedisJobs(redis, prefix), RedisBoard(redis, prefix), RedisOutbox(redis, prefix)
        stories = RedisStoryboards(redis, prefix)
        return Stores(jobs, RedisEvents(redis, prefix), board, outbox, artifacts, meter, stories)
    memory, notes = MemoryJobs(), MemoryBoard()
    kept = MemoryStoryboards(memory.outbox, notes.holds)
    return Stores(memory, MemoryEvents(), notes, MemoryOutbox(memory), artifacts, meter, kept)


async def test_a_record_past_its_time_goes_with_its_files_and_again_is_fine(stores: Stores) -> None:
    old, new = await stores.completed(NOW - 8 * DAY), await stores.completed(NOW)
    assert [await expire(stores, NOW, 100) for _ in range(2)] == [1, 0]
    assert (await find(stores.jobs, old.id), await stores.has(old)) == (None, False)
    assert (await find(stores.jobs, new.id), await stores.has(new)) == (new, True)


class SlowArtifacts(MemoryArtifacts):
    """Tells when it is asked to remove a file, and waits to be let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = anyio.Event(), anyio.Event()

    async def delete(self, artifact: Artifact) -> None:
        self.asked.set()
        await self.let.wait()
        await super().delete(artifact)


async def test_nobody_is_answered_with_files_that_are_just_being_removed(stores: Stores) -> None:
    stores.artifacts = slow = SlowArtifacts()
    old, late = await stores.completed(NOW), done(NOW)
    async with anyio.create_task_group() as group:
        group.start_soon(forget_artifacts, old, stores.board, slow)
        await slow.asked.wait()
        assert await stores.has(old)
        assert not await stores.board.hold(old.id, late.id)
        slow.let.set()
    assert not await stores.has(old)


async def test_files_of_an_expired_record_stay_for_a_repeat_and_go_with_it(stores: Stores) -> None:
    old = await stores.completed(NOW - 8 * DAY)
    again = await stores.repeat(old, NOW)
    await expire(stores, NOW, 100)
    assert await stores.has(again)
    await expire(stores, NOW + 8 * DAY, 100)
    assert not await stores.has(again)


async def test_files_of_an_expired_record_stay_for_a_cached_result_until_that_is_gone(stores: Stores) -> None:
    old = await stores.completed(NOW - 8 * DAY)
    await mark_cached(old.id, 60.0, stores.board)
    await expire(stores, NOW, 100)
    assert (await tidy(stores, TERMS, NOW), await stores.has(old)) == (0, True)
    await stores.board.put(f"cached:{old.id}", {}, 0.001)

    async def forgotten() -> bool:
        return await stores.board.get(f"cached:{old.id}") is None

    await until(forgotten, 5.0)
    assert (await tidy(stores, TERMS, NOW), await stores.has(old)) == (1, False)


async def test_a_record_waits_for_its_webhook(stores: Stores) -> None:
    told = await stores.completed(NOW - 8 * DAY)
    waiting = replace(done(NOW - 9 * DAY), wishes=Wishes(webhook=Webhook("https://example.com")))
    await stores.jobs.create(waiting)
    assert await expire(stores, NOW, 1) == 1
    assert (await find(stores.jobs, told.id), await find(stores.jobs, waiting.id)) == (None, waiting)
    await stores.outbox.close(waiting.id)
    assert await expire(stores, NOW, 1) == 1


async def test_files_may_go_before_their_record(stores: Stores) -> None:
    old, new = await stores.completed(NOW - 2 * DAY), await stores.completed(NOW)
    assert [await tidy(stores, TERMS, NOW) for _ in range(2)] == [1, 0]
    assert (await stores.has(old), await stores.has(new)) == (False, True)
    assert await find(stores.jobs, old.id) == old
    assert (await stores.meter.read())["artifacts_removed:expired"] == 1


async def test_what_a_dead_process_wrote_and_never_recorded_is_removed(stores: Stores) -> None:
    job = a_job(NOW - DAY)
    await stores.jobs.create(job)
    lease = await stores.jobs.lease(job.id, "r", 30.0, NOW)
    await stores.artifacts.put(f"{job.id}/{lease.fence}/video.mp4", b"video", "video/mp4")
    assert await tidy(stores, TERMS, NOW) == 0  # it is under way
    await stores.jobs.fail(job.id, lease.fence, Failure("worker_lost", "x"), NOW)
    assert await tidy(stores, TERMS, NOW) == 1
    assert (await stores.meter.read())["artifacts_removed:orphaned"] == 1


async def test_what_is_not_ours_is_not_touched(stores: Stores) -> None:
    notes = await stores.artifacts.put("notes/1/a.txt", b"x", "text/plain")
    lost = await stores.artifacts.put("video_0123456789abcdef/1/a.mp4", b"x", "video/mp4")
    other = replace(stores, board=MemoryBoard())
    assert await tidy(stores, TERMS, NOW - 5 * DAY) == 0  # makes the mark
    assert await tidy(other, TERMS, NOW) == 0  # has records of its own
    assert await tidy(stores, TERMS, NOW) == 1
    assert [await stores.artifacts.exists(each) for each in (notes, lost)] == [True, False]


async def test_a_store_that_is_away_holds_up_no_record(stores: Stores) -> None:
    job = await stores.completed(NOW - 8 * DAY)
    gone = replace(stores, artifacts=Away())
    assert await expire(gone, NOW, 100) == 1
    assert await find(stores.jobs, job.id) is None
    assert (await tidy(stores, TERMS, NOW), await stores.has(job)) == (1, False)  # found when it is back


class Away(MemoryArtifacts):
    """A store that answers no delete."""

    async def delete(self, artifact: Artifact) -> None:
        raise StoreUnavailable("It is away.")
