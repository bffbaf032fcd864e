"""What the Dispatcher does in a pass, on the memory stores, in time that the test moves."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from app.artifacts.memory import MemoryArtifacts
from app.dispatch.cluster_watch import ClusterView
from app.dispatch.dispatcher import STILL_S, Dispatcher
from app.dispatch.ports import AttemptLost
from app.dispatch.routing import drain_signal
from app.dispatch.sweep import SWEEP_S, TIDY_S
from app.errors import StoreUnavailable
from app.jobs.board import BACKLOG, ENTERED, NODES, PLACES
from app.jobs.memory import MemoryJobs
from app.line.backlog import Backlog, backlog_from_note
from app.line.queue_places import places_from_note
from app.service.outlook import Outlook, outlook_of
from app.service.ports import Shared
from app.settings import Settings
from app.stores import memory_stores
from app.types import Failure, Job, Lease, Phase
from app.types.storyboard import StoryPhase
from tests.dispatch.workers import (
    PlayedWorkers,
    Replica,
    Silent,
    a_replica,
    code_of,
    dies,
    holds,
    is_full,
    leaves,
    makes,
    told,
)
from tests.jobs.make import a_job
from tests.jobs.storyboards.make import a_story
from tests.waiting import until

pytestmark = pytest.mark.anyio
START = 1_000_000.0
NOTHING: Mapping[str, Any] = MappingProxyType({})


class ManualTime:
    """Seconds that pass when the test says so; the wall clock may jump besides."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.jumped_s = 0.0

    def wall(self) -> float:
        return START + self.passed_s + self.jumped_s

    def monotonic(self) -> float:
        return self.passed_s


class PlayedCluster:
    """The Cluster port: whatever the test says."""

    view: ClusterView | None = None

    async def look(self) -> ClusterView | None:
        return self.view


class World:
    """A Dispatcher, the stores that it has, and replicas that do as they are told."""

    def __init__(self, replica: Replica = holds, instead: Mapping[str, Any] = NOTHING, **settings: Any) -> None:
        self.time = ManualTime()
        self.settings = Settings(**settings)
        stores = memory_stores(self.settings, self.time.wall, self.time.monotonic)
        self.stores = replace(stores, **instead)
        self.workers = PlayedWorkers(self.stores, replica)
        self.cluster = PlayedCluster()
        self.dispatcher = Dispatcher(
            *(self.settings, self.stores, self.workers, self.workers, Silent(), ("main",), self.time.monotonic),
            cluster=self.cluster,
        )

    async def has(self, *replicas: str, slots: int = 1) -> None:
        for name in replicas:
            await self.stores.jobs.announce(a_replica(name, slots=slots), 1e9)

    async def add(self, **changed: Any) -> Job:
        job = a_job(self.time.wall(), **changed)
        await self.stores.jobs.create(job)
        return job

    async def job(self, job: Job) -> Job:
        return await self.stores.jobs.get(job.id)

    async def pass_after(self, seconds: float) -> None:
        self.time.passed_s += seconds
        await self.dispatcher.run_pass()

    def shared(self) -> Shared:
        """What is asked for a job's outlook."""
        return self.stores

    async def backlog(self) -> Backlog:
        found = backlog_from_note(await self.stores.board.get(BACKLOG))
        assert found is not None
        return found


@pytest.fixture
async def build() -> AsyncIterator[Callable[..., World]]:
    made: list[World] = []

    def begin(*args: Any, **options: Any) -> World:
        made.append(World(*args, **options))
        return made[-1]

    yield begin
    for world in made:
        await world.dispatcher.close()


async def test_a_waiting_job_is_leased_and_given_to_the_workers_of_its_pool(build: Callable[..., World]) -> None:
    world = build()
    await world.has("replica1")
    job = await world.add()
    await world.dispatcher.run_pass()
    assert await world.workers.next() == ("main", job.id, 1)
    found = await world.job(job)
    assert (found.phase, found.attempts) == (Phase.ENCODING, 1)
    assert [lease.job_id for lease in await world.stores.jobs.leases()] == [job.id]


async def test_a_full_pool_is_given_nothing_more(build: Callable[..., World]) -> None:
    world = build()
    await world.has("replica1")
    for _ in range(2):
        await world.add()
    for _ in range(3):
        await world.dispatcher.run_pass()
    assert len(await world.stores.jobs.leases()) == 1
    assert (await world.backlog()).pool("main").jobs == 1


async def test_a_lost_attempt_is_made_again_after_a_pause_that_doubles(build: Callable[..., World]) -> None:
    world = build(dies, retry_first_s=4.0, max_attempts=9)
    await world.has("replica1")
    job, after = await world.add(), None
    for pause_s in (4.0, 8.0, 16.0):
        await world.dispatcher.run_pass()
        await world.workers.next()
        after = (await told(world.stores, job, "phase", after)).id
        assert (await world.job(job)).phase is Phase.QUEUED
        await world.pass_after(pause_s - 0.1)
        assert (await world.job(job)).phase is Phase.QUEUED
        world.time.passed_s += 0.1
    await world.dispatcher.run_pass()
    assert [given.fence for given in world.workers.given] == [1, 3, 5]
    assert (await world.workers.next()).fence == 7


async def test_a_job_that_loses_its_replicas_too_often_ends(build: Callable[..., World]) -> None:
    world = build(dies, max_attempts=3)
    await world.has("replica1")
    job = await world.add()
    for _ in range(3):
        await world.pass_after(60.0)
        await world.workers.next()
        await world.stores.jobs.wait_for_work(1.0)
    assert code_of(await told(world.stores, job, "end")) == "worker_lost"
    found = await world.job(job)
    assert found.failure is not None
    assert (found.failure.code, found.attempts, found.losses) == ("worker_lost", 3, 2)

    async def counted() -> bool:  # which comes after the word to those who follow it
        figures = await world.stores.meter.read()
        return (figures.get("attempts_lost"), figures.get("jobs_ended:worker_lost")) == (3, 1)

    assert await until(counted)


@pytest.mark.parametrize("replica", [is_full, leaves])
async def test_an_attempt_that_no_replica_is_to_blame_for_counts_as_no_loss(
    build: Callable[..., World], replica: Replica
) -> None:
    world = build(replica, max_attempts=2)
    await world.has("replica1")
    job = await world.add()
    for _ in range(6):
        await world.pass_after(60.0)
        await world.workers.next()
        await world.stores.jobs.wait_for_work(1.0)
    found = await world.job(job)
    assert (found.phase, found.attempts, found.losses) == (Phase.QUEUED, 6, 0)
    assert (await world.stores.meter.read()).get("attempts_lost", 0) == 0


async def test_a_loss_that_is_told_late_does_not_touch_the_next_attempt(build: Callable[..., World]) -> None:
    gone = asyncio.Event()

    async def dies_later(stores: Any, given: Any) -> None:
        await gone.wait()
        raise AttemptLost("RayActorError")

    world = build(dies_later)
    await world.has("replica1")
    job = await world.add()
    await world.dispatcher.run_pass()
    given = await world.workers.next()
    await world.stores.jobs.requeue(job.id, given.fence, world.time.wall())
    before = await world.job(job)
    gone.set()
    for _ in range(3):
        await asyncio.sleep(0)  # the attempt's own turns
    assert await world.job(job) == before
    assert "attempts_lost" not in await world.stores.meter.read()


async def test_a_job_whose_deadline_passes_while_it_waits_fails(build: Callable[..., World]) -> None:
    world = build()
    job = await world.add(deadline=world.time.wall() + 5.0)
    await world.pass_after(4.9)
    assert (await world.job(job)).phase is Phase.QUEUED
    await world.pass_after(0.2)
    found = await world.job(job)
    assert found.failure is not None
    assert (found.failure.code, found.attempts) == ("timeout", 0)
    assert "deadline passed while it waited" in found.failure.message
    end = await told(world.stores, job, "end")
    assert (end.data["status"], code_of(end)) == ("failed", "timeout")
    assert (await world.stores.meter.read())["jobs_ended:timeout"] == 1


async def test_a_lease_that_nobody_renews_is_taken_back_whatever_its_end(build: Callable[..., World]) -> None:
    world = build(lease_s=30.0)
    job = await world.add()
    await world.stores.jobs.lease(job.id, "main", 30.0, world.time.wall() + 86400.0)  # by a clock that was ahead
    await world.dispatcher.run_pass()
    await world.pass_after(29.0)
    assert (await world.job(job)).phase is Phase.ENCODING
    await world.pass_after(1.0)
    found = await world.job(job)
    assert (found.phase, found.fence, found.losses) == (Phase.QUEUED, 2, 1)


async def test_a_lease_that_is_renewed_is_kept_though_the_clock_jumps(build: Callable[..., World]) -> None:
    world = build(lease_s=30.0)
    job = await world.add()
    lease = await world.stores.jobs.lease(job.id, "main", 30.0, world.time.wall())
    for jump_s in (-86400.0, 3600.0, 0.0, 7e6, -5.0):
        world.time.jumped_s += jump_s
        assert await world.stores.jobs.renew([lease], 30.0, world.time.wall() + jump_s + world.time.passed_s) == []
        await world.pass_after(20.0)
    assert (await world.job(job)).fence == lease.fence


async def test_a_replica_that_leaves_is_given_nothing(build: Callable[..., World]) -> None:
    world = build()
    await world.stores.jobs.announce(a_replica("replica1", leaving=True), 1e9)
    job = await world.add()
    await world.dispatcher.run_pass()
    assert (await world.job(job)).phase is Phase.QUEUED
    await world.has("replica2")
    await world.dispatcher.run_pass()
    assert (await world.workers.next()).job_id == job.id


async def test_a_replica_that_is_no_longer_reached_is_given_nothing_and_told_to_drain(
    build: Callable[..., World],
) -> None:
    world = build()
    signals = world.stores.stops.listen()
    signal = asyncio.ensure_future(anext(signals))
    await world.has("replica1")
    world.workers.reached["main"] = ["replica1"]
    await world.dispatcher.call_roll()
    world.workers.reached["main"] = []
    await world.dispatcher.call_roll()
    job = await world.add()
    await world.dispatcher.run_pass()
    assert ((await world.job(job)).phase, signal.done()) == (Phase.QUEUED, False)
    await world.dispatcher.call_roll()
    assert await asyncio.wait_for(signal, 5.0) == drain_signal("replica1")


async def test_a_roll_call_without_a_certain_answer_takes_nobody_out(build: Callable[..., World]) -> None:
    world = build()
    await world.has("replica1")
    for reached in (["replica1"], None, None, None):
        world.workers.reached["main"] = reached
        await world.dispatcher.call_roll()
    job = await world.add()
    await world.dispatcher.run_pass()
    assert (await world.workers.next()).job_id == job.id


async def test_a_clock_that_is_set_drains_no_replica_that_has_just_come(build: Callable[..., World]) -> None:
    world = build()
    signals = world.stores.stops.listen()
    signal = asyncio.ensure_future(anext(signals))
    await world.has("replica1")
    world.workers.reached["main"] = []
    await world.dispatcher.call_roll()
    world.time.jumped_s = 3600.0
    await world.dispatcher.call_roll()
    assert not signal.done()
    world.time.passed_s += 11.0
    await world.dispatcher.call_roll()
    assert await asyncio.wait_for(signal, 5.0) == drain_signal("replica1")


async def test_a_job_runs_after_the_one_that_it_comes_after(build: Callable[..., World]) -> None:
    world = build(makes)
    await world.has("replica1")
    first = await world.add()
    second = await world.add(after=(first.id,))
    await world.dispatcher.run_pass()
    assert (await world.workers.next()).job_id == first.id
    await world.stores.jobs.wait_for_work(1.0)
    await world.dispatcher.run_pass()
    assert (await world.workers.next()).job_id == second.id


async def test_every_pass_tells_the_backlog_the_places_and_who_has_moved(build: Callable[..., World]) -> None:
    world = build()
    await world.has("replica1")
    await world.stores.board.increment(ENTERED, "main/normal", 4.5)
    running, second, third = [await world.add() for _ in range(3)]
    for _ in range(2):
        await world.dispatcher.run_pass()
    backlog = await world.backlog()
    assert (backlog.at, backlog.jobs, backlog.running) == (START, 2, 1)
    assert (backlog.step_seconds, backlog.entered) == (4.5, {"main/normal": 4.5})
    places = places_from_note(await world.stores.board.get(PLACES)).jobs
    left = sorted((job.id for job in (running, second, third) if job.id in places), key=lambda each: places[each])
    assert [places[job_id].position for job_id in left] == [0, 1]
    events = [event for job_id in left for event in await world.stores.events.read(job_id, None, 0.0)]
    assert [(event.kind, event.data["position"]) for event in events] == [("queue", 0), ("queue", 1)], "told once"


async def test_a_pool_that_scales_is_asked_for_what_its_work_needs(build: Callable[..., World]) -> None:
    world = build(replicas={"main": (0, 3)}, replica_start_s=30.0, scale_drain_s=1.0)
    for _ in range(2):
        await world.add()
    await world.dispatcher.run_pass()
    row = (await world.backlog()).pool("main")
    assert world.dispatcher.wanted == {"main": 3}
    assert (row.wanted, row.because, row.replicas) == (3, "backlog", 0)
    assert row.wait_s >= 30.0  # a first replica has to come


async def test_records_past_their_time_are_removed_now_and_then(build: Callable[..., World]) -> None:
    world = build(failed_retention_s=10.0)
    await world.dispatcher.run_pass()
    job = await world.add()
    await world.stores.jobs.cancel(job.id, None, Failure("cancelled", ""), world.time.wall())
    await world.pass_after(SWEEP_S)
    assert (await world.job(job)).phase is Phase.FAILED
    await world.pass_after(0.1)
    assert list((await world.stores.jobs.list(job.tenant, None, 9, True)).jobs) == []


async def test_a_storyboard_past_its_time_goes(build: Callable[..., World]) -> None:
    world = build()
    now = world.time.wall()
    for expires_at in (now + SWEEP_S / 2, now + 3 * SWEEP_S):
        ended = a_story(now, phase=StoryPhase.COMPLETED, completed_at=now, expires_at=expires_at)
        await world.stores.storyboards.create(ended, None, 9)
    await world.dispatcher.run_pass()
    assert len((await world.stores.storyboards.list("public", None, 9, True)).stories) == 2
    await world.pass_after(SWEEP_S + 0.1)
    assert len((await world.stores.storyboards.list("public", None, 9, True)).stories) == 1


class Cleared(MemoryArtifacts):
    """A store that says when files are removed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.gone = asyncio.Event()

    async def clear(self, maker: str) -> None:
        await super().clear(maker)
        self.gone.set()


async def test_files_that_nobody_names_are_removed_while_passes_go_on(build: Callable[..., World]) -> None:
    artifacts = Cleared(lambda: START)
    world = build(instead={"artifacts": artifacts}, orphan_grace_s=60.0)
    await artifacts.put(f"{a_job().id}/1/video.mp4", b"video", "video/mp4")
    await world.dispatcher.run_pass()
    await world.pass_after(TIDY_S + 1.0)
    await asyncio.wait_for(artifacts.gone.wait(), 5.0)
    assert list(await artifacts.makers()) == ["owner"]


class Stray(MemoryJobs):
    """A store through which a cancellation strays that was meant for another."""

    def __init__(self) -> None:
        super().__init__()
        self.strayed = asyncio.Event()

    async def wait_for_work(self, timeout_s: float, name: str = "", others: Sequence[str] = ()) -> bool:
        self.strayed.set()
        raise asyncio.CancelledError


async def test_a_loop_that_has_died_makes_the_dispatcher_unwell(build: Callable[..., World]) -> None:
    jobs = Stray()
    world = build(instead={"jobs": jobs})
    world.dispatcher.start()
    world.dispatcher.check()
    await jobs.strayed.wait()
    for _ in range(3):
        await asyncio.sleep(0)  # the dying loop's own turns
    with pytest.raises(RuntimeError, match="loop has died"):
        world.dispatcher.check()


class Away(MemoryJobs):
    """A store that is away the first time that it is asked for the line."""

    asked = 0

    async def waiting(self) -> Sequence[Job]:
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("Redis is away.")
        return await super().waiting()


async def test_a_store_that_is_away_for_a_moment_holds_nothing_up_for_good(build: Callable[..., World]) -> None:
    world = build(instead={"jobs": Away()})
    await world.has("replica1")
    job = await world.add()
    world.dispatcher.start()
    assert (await world.workers.next()).job_id == job.id
    world.dispatcher.check()


async def test_a_dispatcher_whose_passes_do_not_end_is_unwell(build: Callable[..., World]) -> None:
    world = build()
    await world.dispatcher.run_pass()
    world.time.passed_s += STILL_S
    world.dispatcher.check()
    world.time.passed_s += 1.0
    with pytest.raises(RuntimeError, match="stood still"):
        world.dispatcher.check()
    await world.dispatcher.run_pass()
    world.dispatcher.check()


def test_a_lost_attempt_can_be_told_between_processes() -> None:
    lost = pickle.loads(pickle.dumps(AttemptLost("RayActorError", replica_at_fault=False)))
    assert (str(lost), lost.replica_at_fault) == ("RayActorError", False)


async def test_a_job_whose_pool_has_no_place_has_no_eta(build: Callable[..., World]) -> None:
    world = build(replicas={"main": (0, 1)})
    job = await world.add()
    await world.dispatcher.run_pass()
    assert (await outlook_of(job, world.shared())).eta_s is not None  # its first replica is on the way
    world.cluster.view = ClusterView(1, 0, {"main": "4 GPUs on one node; 2 are there"})
    await world.dispatcher.look_at_cluster()
    await world.dispatcher.run_pass()
    assert (await outlook_of(job, world.shared())) == Outlook(0, None, reason="no_replica")
    backlog = await world.backlog()
    assert backlog.pool("main").unplaced == "4 GPUs on one node; 2 are there"
    assert not backlog.foreseen("main")
    world.cluster.view = ClusterView(2, 0)
    await world.dispatcher.look_at_cluster()
    await world.dispatcher.run_pass()
    assert (await outlook_of(job, world.shared())).eta_s is not None


async def test_a_first_replica_that_is_long_overdue_makes_no_eta(build: Callable[..., World]) -> None:
    world = build(replicas={"main": (0, 1)}, replica_start_s=30.0)
    job = await world.add()
    await world.dispatcher.run_pass()
    await world.pass_after(80.0)
    assert (await world.backlog()).foreseen("main")
    await world.pass_after(20.0)
    assert (await outlook_of(job, world.shared())).eta_s is None
    await world.has("replica1")
    await world.dispatcher.run_pass()
    assert (await world.backlog()).foreseen("main")


async def test_nodes_that_are_lost_are_noted_for_the_metrics(build: Callable[..., World]) -> None:
    world = build()
    await world.dispatcher.look_at_cluster()
    assert await world.stores.board.get(NODES) is None  # a cluster that does not answer is no news
    world.cluster.view = ClusterView(alive=3, lost=1)
    await world.dispatcher.look_at_cluster()
    assert await world.stores.board.get(NODES) == {"alive": 3, "lost": 1}


@pytest.mark.parametrize(
    ("waited_s", "promised_s", "kept"),
    [(20.0, 16.0, "yes"), (30.0, 16.0, "no"), (105.0, 100.0, "yes"), (30.0, None, None)],
)
async def test_the_wait_is_counted_by_class_and_by_whether_it_was_as_promised(
    build: Callable[..., World], waited_s: float, promised_s: float | None, kept: str | None
) -> None:
    world = build()
    await world.add(promised_s=promised_s, priority="high")
    await world.has("replica1")
    await world.pass_after(waited_s)
    await world.workers.next()
    figures = await world.stores.meter.read()
    assert figures["queue_wait/sum:high|standard|kinoray-shapes"] == waited_s
    assert {name for name in figures if name.startswith("promises")} == ({f"promises:{kept}"} if kept else set())


async def test_a_job_made_less_urgent_since_breaks_no_promise(build: Callable[..., World]) -> None:
    world = build()
    job = await world.add(promised_s=16.0, priority="high")
    await world.stores.jobs.reprioritise(job.id, None, "low")
    await world.has("replica1")
    await world.pass_after(30.0)
    await world.workers.next()
    assert not [name for name in await world.stores.meter.read() if name.startswith("promises")]


async def test_only_the_first_attempt_is_a_wait_and_each_that_is_lost_a_retry(build: Callable[..., World]) -> None:
    world = build(dies, max_attempts=9)
    await world.has("replica1")
    await world.add()
    for _ in range(3):
        await world.pass_after(60.0)
        await world.workers.next()
        await world.stores.jobs.wait_for_work(1.0)
    figures = await world.stores.meter.read()
    assert figures["retries:replica_lost"] == 3
    assert sum(value for name, value in figures.items() if name.startswith("queue_wait/le")) == 1


async def test_a_promised_job_that_never_starts_has_its_promise_broken(build: Callable[..., World]) -> None:
    world = build()
    await world.add(promised_s=10.0, deadline=world.time.wall() + 5.0)
    await world.pass_after(6.0)
    assert (await world.stores.meter.read())["promises:no"] == 1


async def test_a_priority_that_is_changed_counts_in_the_next_pass(build: Callable[..., World]) -> None:
    world = build()
    await world.has("replica1")
    first, second = await world.add(), await world.add()
    await world.stores.jobs.reprioritise(second.id, "public", "high")
    await world.dispatcher.run_pass()
    assert (await world.workers.next()).job_id == second.id
    assert (await world.job(first)).phase is Phase.QUEUED


async def test_a_job_is_told_its_place_again_when_another_has_become_more_urgent(build: Callable[..., World]) -> None:
    world = build()
    first = await world.add()
    world.time.passed_s += 1.0  # of equals the ids decide, which are drawn
    second = await world.add()
    await world.dispatcher.run_pass()
    after = (await told(world.stores, first, "queue")).id
    await world.stores.jobs.reprioritise(second.id, "public", "high")
    await world.dispatcher.run_pass()
    assert (await told(world.stores, first, "queue", after)).data["position"] == 1


class Frozen(MemoryJobs):
    """A store behind which the dispatcher is frozen once, for a minute, as it has just been told the leases."""

    freeze: Callable[[], Awaitable[None]] | None = None

    async def leases(self) -> Sequence[Lease]:
        read = await super().leases()
        freeze, self.freeze = self.freeze, None
        if freeze is not None:
            await freeze()
        return read


async def test_leases_that_were_renewed_while_the_dispatcher_was_frozen_are_kept(build: Callable[..., World]) -> None:
    jobs = Frozen()
    world = build(instead={"jobs": jobs}, lease_s=30.0)
    await world.has("replica1")
    job = await world.add()
    for _ in range(2):
        await world.pass_after(1.0)

    async def freeze() -> None:
        world.time.passed_s += 60.0
        await jobs.renew(await jobs.leases(), 30.0, world.time.wall())

    jobs.freeze = freeze
    await world.pass_after(1.0)
    assert (await world.job(job)).fence == 1
    await world.pass_after(1.0)
    assert (await world.job(job)).losses == 0
