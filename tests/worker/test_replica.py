from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.engine.fake import LOSES_DEVICE
from app.errors import RecordTooNew, StoreUnavailable, WorkerLost
from app.jobs.checkpoints import MemoryCheckpoints
from app.jobs.events import priority_signal
from app.jobs.flights import MemoryFlights
from app.jobs.memory import MemoryEvents, MemoryJobs
from app.line.pressure import Used
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.stores import memory_stores
from app.types import Job, Phase, ReplicaInfo
from app.worker.heartbeat import BEAT_S
from app.worker.replica import Replica
from app.worker.step_profile import profile_key
from tests.api.house import MODEL
from tests.worker.workplace import EPOCH_S, SHORT, Time, Workplace

pytestmark = pytest.mark.anyio
Make = Callable[..., Workplace]
PATIENCE_S = 20.0


class Jobs(MemoryJobs):
    """What a replica says of itself and of its leases, kept; `trouble` is raised instead."""

    def __init__(self) -> None:
        super().__init__()
        self.announced: list[ReplicaInfo] = []
        self.handed_back_at: list[float] = []
        self.trouble: Exception | None = None

    async def announce(self, replica: ReplicaInfo, ttl_s: float) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.announced.append(replica)
        await super().announce(replica, ttl_s)

    async def requeue(
        self, job_id: str, fence: int, now: float, lost: bool = False, not_before: float | None = None
    ) -> Job:
        self.handed_back_at.append(now)
        return await super().requeue(job_id, fence, now, lost, not_before)


def place_of(workplace: Make, jobs: Jobs, **given: object) -> Workplace:
    time = Time()
    stores = replace(
        memory_stores(Settings(), time.unix, time.monotonic),
        jobs=jobs,
        checkpoints=MemoryCheckpoints(jobs),
        events=MemoryEvents(jobs=jobs),
        flights=MemoryFlights(jobs, time.monotonic),
    )
    return workplace(stores=stores, time=time, **given)


async def beaten(here: Workplace) -> None:
    """One heartbeat later."""
    await here.time.asleep()
    here.time.advance(BEAT_S)
    await here.time.asleep()


async def busy(here: Workplace, replica: Replica) -> tuple[Job, asyncio.Task[None]]:
    """A job in its first forward."""
    here.gate.free = False
    while here.gate.reached.acquire(blocking=False):
        pass
    job, fence = await here.leased()
    running = asyncio.ensure_future(replica.run(job.id, fence))
    await here.forward()
    return job, running


async def test_a_replica_says_that_it_is_there_once_its_model_is_measured(workplace: Make) -> None:
    here = workplace(slots=3)
    await here.replica().start()
    await here.time.asleep()
    info = (await here.stores.jobs.replicas())[0]
    assert (info.replica, info.pool, info.model, info.slots, info.running) == ("replica01", "main", MODEL.id, 3, 0)
    assert (info.seen_at, info.leaving, info.pressure) == (EPOCH_S, False, "ok")
    assert info.step_s == pytest.approx(0.1)
    assert info.memory_bytes > 0


async def test_it_counts_a_job_while_it_runs_and_no_longer(workplace: Make) -> None:
    here = workplace()
    replica = here.replica()
    await replica.start()
    job, running = await busy(here, replica)
    await beaten(here)
    assert (await here.stores.jobs.replicas())[0].running == 1
    here.gate.release()
    await running
    await beaten(here)
    assert (await here.stores.jobs.replicas())[0].running == 0
    assert (await here.stores.jobs.get(job.id)).phase is Phase.COMPLETED


async def test_a_job_goes_on_when_its_caller_has_died_and_is_counted_no_longer_than_it_runs(workplace: Make) -> None:
    here = workplace()
    replica = here.replica()
    await replica.start()
    job, running = await busy(here, replica)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert list(replica.attempts) == [job.id]
    here.gate.release()
    events = await here.stores.events.read(job.id, None, 0.0)
    while events[-1].kind != "end":
        events = await here.stores.events.read(job.id, events[-1].id, 20.0)
    while replica.attempts:
        await asyncio.sleep(0)
    assert (await here.stores.jobs.get(job.id)).phase is Phase.COMPLETED


async def test_heartbeats_renew_the_leases_of_running_jobs(workplace: Make) -> None:
    here = workplace()
    replica = here.replica()
    await replica.start()
    _, running = await busy(here, replica)
    before = (await here.stores.jobs.leases())[0].until
    await beaten(here)
    assert (await here.stores.jobs.leases())[0].until == before + BEAT_S
    here.gate.release()
    await running


async def test_a_stop_signal_ends_a_job_at_the_next_step(workplace: Make) -> None:
    here = workplace()
    replica = here.replica()
    await replica.start()
    job, running = await busy(here, replica)
    await here.stores.stops.send(job.id)
    await beaten(here)
    here.gate.let(1)
    await running
    assert (await here.stores.jobs.get(job.id)).phase is Phase.QUEUED  # nobody has closed the record: it is handed back


async def test_a_replica_that_is_told_to_leave_hands_its_jobs_back_to_go_on_elsewhere(workplace: Make) -> None:
    jobs = Jobs()
    here = place_of(workplace, jobs)
    replica = here.replica()
    await replica.start()
    job, running = await busy(here, replica)
    here.gate.let(2)
    for _ in range(2):
        await here.forward()
    await here.stores.stops.send("replica_replica01")
    await here.engine_takes_nothing_more()
    here.gate.release()
    await running
    await replica.close()
    assert jobs.announced[-1].leaving
    assert jobs.handed_back_at == [here.time.unix()]
    back = await here.stores.jobs.get(job.id)
    assert (back.phase, back.losses) == (Phase.QUEUED, 0)
    other = workplace(stores=here.stores, time=here.time)
    await other.replica("replica02").run(job.id, await other.lease(job))
    done = await here.stores.jobs.get(job.id)
    assert done.measured is not None
    assert (done.phase, done.measured.resumed_from_step) == (Phase.COMPLETED, 3)


async def test_a_replica_that_has_left_takes_no_job_and_hands_it_back_by_the_clock_of_the_stores(
    workplace: Make,
) -> None:
    jobs = Jobs()
    here = place_of(workplace, jobs)
    replica = here.replica()
    await replica.leave()
    job, fence = await here.leased()
    await replica.run(job.id, fence)
    assert jobs.handed_back_at == [EPOCH_S]
    assert (await here.stores.jobs.get(job.id)).phase is Phase.QUEUED
    await replica.run(job.id, fence)  # by now another may have it: nothing happens


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_device_that_is_lost_gives_the_job_to_another_replica_and_makes_this_one_unwell(
    workplace: Make,
) -> None:
    here = workplace()
    replica = here.replica()
    await replica.start()
    replica.check()
    job, fence = await here.leased(plan=replace(SHORT, prompt=LOSES_DEVICE))
    with pytest.raises(WorkerLost):
        await replica.run(job.id, fence)
    assert not (await here.stores.jobs.get(job.id)).phase.ended
    with pytest.raises(RuntimeError, match="engine"):
        replica.check()


async def test_a_dead_heartbeat_makes_the_replica_unwell(workplace: Make) -> None:
    jobs = Jobs()
    here = place_of(workplace, jobs)
    replica = here.replica()
    await replica.start()
    await here.time.asleep()
    replica.check()
    jobs.trouble = ZeroDivisionError("a fault of ours")
    here.time.advance(BEAT_S)
    for _ in range(10):
        await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="the heartbeat has died: a fault of ours"):
        replica.check()


async def test_a_heart_beats_on_when_the_store_was_away(workplace: Make) -> None:
    jobs = Jobs()
    here = place_of(workplace, jobs)
    replica = here.replica()
    jobs.trouble = StoreUnavailable("Redis is away.")
    await replica.start()
    await beaten(here)
    jobs.trouble = None
    await beaten(here)
    assert [info.replica for info in jobs.announced] == ["replica01"]
    replica.check()


async def test_one_whose_memory_is_short_has_no_slot_for_more(workplace: Make) -> None:
    here = workplace(slots=4)
    replica = here.replica()
    await replica.start()
    here.memory.used = Used(0.85)
    await beaten(here)
    await asyncio.to_thread(here.engine.encode(["a"]).result)  # the engine has read its memory since
    await beaten(here)
    info = (await here.stores.jobs.replicas())[0]
    assert (info.slots, info.pressure, info.host_memory) == (1, "warning", 0.85)


async def test_what_one_has_measured_the_next_on_such_hardware_does_not_measure_again(workplace: Make) -> None:
    here = workplace()
    await here.replica().start()
    await here.time.asleep()
    other = workplace(stores=here.stores, time=here.time)
    await other.replica("replica02").start()
    assert max(len(batch) for batch in here.denoiser.forwards) == 2
    assert {len(batch) for batch in other.denoiser.forwards} == {1}
    assert other.engine.times.keys() == here.engine.times.keys()


def test_step_times_are_shared_by_weights_dtype_layout_and_hardware() -> None:
    settings, entry = Settings(), ModelEntry(id="shapes", family="wan", source="p", dtype="bfloat16")
    key = profile_key(MODEL, entry, settings, "an H200")
    assert key == f"profile:shapes:1:bfloat16/{settings.layout.label}:an H200"
    assert profile_key(replace(MODEL, revision="2"), entry, settings, "an H200") != key


async def test_a_job_whose_attempt_could_not_reach_the_store_goes_back_without_a_loss(workplace: Make) -> None:
    class Away(MemoryEvents):
        away = True

        async def append(
            self, job_id: str, kind: str, at: float, data: Any, fence: int | None = None, entries: Any = None
        ) -> str:
            if self.away:
                raise StoreUnavailable("Redis is away.")
            return await super().append(job_id, kind, at, data, fence, entries)

    jobs, time = Jobs(), Time()
    events = Away(jobs=jobs)
    stores = replace(memory_stores(Settings(), time.unix, time.monotonic), jobs=jobs, events=events)
    here = workplace(stores=stores, time=time)
    replica = here.replica()
    job, fence = await here.leased()
    with pytest.raises(StoreUnavailable):
        await replica.run(job.id, fence)
    events.away = False
    await time.asleep()
    time.advance(BEAT_S)
    [back] = await events.read(job.id, None, PATIENCE_S)
    found = await jobs.get(job.id)
    assert (back.data, found.phase, found.losses) == ({"phase": "queued"}, Phase.QUEUED, 0)


async def test_a_record_that_is_too_new_is_not_asked_for_again(workplace: Make) -> None:
    class Newer(Jobs):
        newer = False

        async def get(self, job_id: str, tenant: str | None = None) -> Job:
            if self.newer:
                raise RecordTooNew("A record has version 99.")
            return await super().get(job_id, tenant)

    time, jobs = Time(), Newer()
    here = workplace(stores=replace(memory_stores(Settings(), time.unix, time.monotonic), jobs=jobs), time=time)
    job, fence = await here.leased()
    jobs.newer = True
    with pytest.raises(RecordTooNew):
        await here.replica().run(job.id, fence)
    for _ in range(10):
        await asyncio.sleep(0)
    assert time.slept == [], "nobody waits to put it back"


async def test_a_job_that_is_given_another_priority_has_it_in_its_replica_too(workplace: Make) -> None:
    here = workplace()
    replica = here.replica()
    await replica.start()
    job, running = await busy(here, replica)
    assert replica.attempts[job.id].lease is not None
    heard: list[tuple[str, str]] = []
    here.engine.reprioritise = lambda job_id, priority: heard.append((job_id, priority))  # type: ignore[method-assign]
    await here.stores.jobs.reprioritise(job.id, "public", "high")
    await here.stores.stops.send(priority_signal(job.id))
    while not heard:
        await asyncio.sleep(0)
    assert heard == [(job.id, "high")]
    here.gate.release()
    await running
    assert (await here.stores.jobs.get(job.id)).phase is Phase.COMPLETED
