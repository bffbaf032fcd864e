"""What every EventLog and StopSignals promises."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import JobNotFound, LeaseLost
from app.jobs.events import MOST_ENTRIES, EventLog, StopSignals
from app.jobs.memory import MemoryEvents, MemoryJobs, MemoryStops
from app.jobs.redis import stops as redis_stops
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.stops import RedisStops
from app.jobs.store import JobStore
from app.redis.connection import Client
from app.types import Failure
from tests.jobs.conftest import Asleep
from tests.jobs.make import a_job
from tests.redis_server import MEMORY_AND_REDIS
from tests.waiting import until

pytestmark = pytest.mark.anyio
JOB = a_job().id


@pytest.fixture(params=MEMORY_AND_REDIS)
def events(request: pytest.FixtureRequest) -> EventLog:
    if request.param == "memory":
        return MemoryEvents()
    redis: Client = request.getfixturevalue("redis")
    return RedisEvents(redis, request.getfixturevalue("prefix"))


@pytest.fixture(params=MEMORY_AND_REDIS)
def stores(request: pytest.FixtureRequest) -> tuple[JobStore, EventLog]:
    """A log with the jobs that it is of."""
    if request.param == "memory":
        jobs = MemoryJobs()
        return jobs, MemoryEvents(jobs=jobs)
    redis: Client = request.getfixturevalue("redis")
    prefix: str = request.getfixturevalue("prefix")
    return RedisJobs(redis, prefix), RedisEvents(redis, prefix)


@pytest.fixture(params=MEMORY_AND_REDIS)
def stops(request: pytest.FixtureRequest) -> StopSignals:
    if request.param == "memory":
        return MemoryStops()
    redis: Client = request.getfixturevalue("redis")
    return RedisStops(redis, request.getfixturevalue("prefix"))


async def test_events_are_replayed_in_order_from_any_of_them(events: EventLog) -> None:
    ids = [await events.append(JOB, "step", 100.5, {"step": step}) for step in range(3)]
    found = await events.read(JOB, None, 0.0)
    assert [event.id for event in found] == ids
    assert (found[1].job_id, found[1].kind, found[1].at, found[1].data) == (JOB, "step", 100.5, {"step": 1})
    assert [event.data["step"] for event in await events.read(JOB, ids[0], 0.0)] == [1, 2]
    assert list(await events.read(JOB, ids[-1], 0.0)) == []


async def test_a_reader_sleeps_until_there_is_news(events: EventLog, asleep: Asleep) -> None:
    last = await events.append(JOB, "phase", 1.0, {})
    reader = asyncio.ensure_future(events.read(JOB, last, 5.0))
    await asleep()
    await events.append(a_job().id, "phase", 2.0, {})
    await events.append(JOB, "end", 3.0, {"status": "completed"})
    assert [event.kind for event in await asyncio.wait_for(reader, 5.0)] == ["end"]


async def test_a_reader_gives_up_in_time(events: EventLog) -> None:
    assert list(await asyncio.wait_for(events.read(JOB, None, 0.05), 5.0)) == []


@pytest.mark.parametrize("after", ["nonsense", "", "0", "$", "-1", "1;DEL"])
async def test_an_unknown_last_event_id_replays_everything(events: EventLog, after: str) -> None:
    await events.append(JOB, "phase", 1.0, {})
    assert len(await events.read(JOB, after, 0.0)) == 1


async def test_forgotten_events_are_gone(events: EventLog) -> None:
    await events.append(JOB, "phase", 1.0, {})
    await events.forget(JOB)
    assert list(await events.read(JOB, None, 0.0)) == []
    with pytest.raises(JobNotFound):
        await events.read("../line", None, 0.0)


async def test_a_log_does_not_grow_without_end(redis: Client, prefix: str) -> None:
    small: list[EventLog] = [MemoryEvents(limit=5), RedisEvents(redis, prefix, limit=5)]
    for log in small:
        for step in range(300):
            await log.append(JOB, "step", 1.0, {"step": step})
        found = await log.read(JOB, None, 0.0)
        assert len(found) < 200
        assert found[-1].data == {"step": 299}


async def test_many_followers_share_one_process(redis: Client, prefix: str, asleep: Asleep) -> None:
    events = RedisEvents(redis, prefix)
    readers = [asyncio.ensure_future(events.read(JOB, None, 5.0)) for _ in range(100)]
    await asleep()
    await events.append(JOB, "end", 1.0, {})
    assert all(len(found) == 1 for found in await asyncio.wait_for(asyncio.gather(*readers), 5.0))


async def test_a_stop_reaches_every_listener(stops: StopSignals) -> None:
    first, second = stops.listen(), stops.listen()
    heard = [asyncio.ensure_future(anext(first)), asyncio.ensure_future(anext(second))]

    async def told() -> bool:
        await stops.send(JOB)
        return all(task.done() for task in heard)

    await until(told, 5.0)
    assert [task.result() for task in heard] == [JOB, JOB]


async def pings(redis: Client) -> int:
    """How many the server has answered."""
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_ping", {"calls": 0})["calls"])


async def pinged(redis: Client, times: int) -> bool:
    return await pings(redis) >= times


async def test_a_quiet_listener_stays_connected(redis: Client, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_stops, "QUIET_S", 0.02)
    stops = RedisStops(redis, prefix)
    heard = asyncio.ensure_future(anext(stops.listen()))
    before = await pings(redis)
    await until(lambda: pinged(redis, before + 3), 5.0)
    await stops.send(JOB)
    assert await asyncio.wait_for(heard, 5.0) == JOB


async def test_an_event_of_each_of_several_jobs_is_told_as_if_one_by_one(stores: tuple[JobStore, EventLog]) -> None:
    jobs, events = stores
    mine = [a_job(), a_job()]
    for job in mine:
        await jobs.create(job)
    await events.append_each("queue", 1.0, {job.id: {"position": place} for place, job in enumerate(mine)})
    told = [await events.read(job.id, None, 0.0) for job in mine]
    assert [[(event.kind, event.at, event.data) for event in each] for each in told] == [
        [("queue", 1.0, {"position": 0})],
        [("queue", 1.0, {"position": 1})],
    ]
    assert len(await events.read_tenant(mine[0].tenant, "0-0", 0.0)) == 2


async def test_a_jobs_account_travels_with_its_events_and_goes_with_them(stores: tuple[JobStore, EventLog]) -> None:
    jobs, events = stores
    job = a_job()
    await jobs.create(job)
    await events.tell_tenant(job.tenant, job.id, "created", 1.0, {}, {"intake": {"at": 1}})
    await events.append(job.id, "step", 2.0, {}, 0, {"attempt:1": {"step": 1}, "loss:1": {}})
    await events.append(job.id, "step", 3.0, {}, 0, {"attempt:1": {"step": 2}})
    await events.note(job.id, {"released": {"at": 4.5}})
    assert await events.account(job.id) == {
        "intake": {"at": 1},
        "attempt:1": {"step": 2},
        "loss:1": {},
        "released": {"at": 4.5},
    }
    await events.forget(job.id)
    assert await events.account(job.id) == {}


async def test_who_has_lost_the_job_writes_no_account_either(stores: tuple[JobStore, EventLog]) -> None:
    jobs, events = stores
    job = a_job()
    await jobs.create(job)
    lease = await jobs.lease(job.id, "main", 30.0, 1.0)
    await jobs.requeue(job.id, lease.fence, 2.0)
    with pytest.raises(LeaseLost):
        await events.append(job.id, "step", 3.0, {}, lease.fence, {"attempt:1": {"step": 9}})
    assert await events.account(job.id) == {}


async def test_no_end_is_told_of_what_is_not_on_record_as_ended(stores: tuple[JobStore, EventLog]) -> None:
    jobs, events = stores
    job = a_job()
    await events.append(job.id, "end", 0.5, {})  # nothing is on record of it
    await jobs.create(job)
    lease = await jobs.lease(job.id, "main", 30.0, 1.0)
    with pytest.raises(LeaseLost):
        await events.append(job.id, "end", 3.0, {}, lease.fence)
    await jobs.fail(job.id, lease.fence, Failure("boom", "It went wrong."), 4.0)
    await events.append(job.id, "end", 5.0, {}, lease.fence)


async def test_an_account_does_not_grow_for_ever(stores: tuple[JobStore, EventLog]) -> None:
    jobs, events = stores
    job = a_job()
    await jobs.create(job)
    for number in range(MOST_ENTRIES + 5):
        await events.append(job.id, "phase", 1.0, {}, None, {f"loss:{number}": {}})
    assert len(await events.account(job.id)) == MOST_ENTRIES


@pytest.mark.redis
async def test_an_account_is_kept_as_long_as_the_events(redis: Client, prefix: str) -> None:
    jobs, events = RedisJobs(redis, prefix), RedisEvents(redis, prefix, kept_s=100.0)
    job = a_job()
    await jobs.create(job)
    await events.tell_tenant(job.tenant, job.id, "created", 1.0, {}, {"intake": {}})
    for _ in range(2):
        left_s = [await redis.ttl(name) for name in await redis.keys(f"*account:{job.id}")]
        assert 90 < left_s[0] <= 100
        await events.append(job.id, "step", 1.0, {}, 0, {"attempt:1": {}})


async def test_all_who_wait_for_the_same_are_given_the_very_same_events(redis: Client, prefix: str) -> None:
    events = RedisEvents(redis, prefix)
    waiting = [asyncio.ensure_future(events.read(JOB, None, 20.0)) for _ in range(3)]
    await until(lambda: _all_wait(redis))
    await events.append(JOB, "step", 100.5, {"step": 1})
    [first], [second], [third] = await asyncio.gather(*waiting)
    assert (first is second, second is third) == (True, True)


async def _all_wait(redis: Client) -> bool:
    return int((await redis.info("clients"))["blocked_clients"]) > 0
