"""A load on a fleet, event by event on virtual time, decided by the code that decides in the service."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from random import Random
from typing import Any

from app.errors import Overloaded
from app.line.backlog import Backlog
from app.line.dispatch import Dispatch
from app.line.tenant_shares import TenantShares
from app.line.tenant_waits import with_tenants
from app.line.wait_estimates import counter_of, measured, turn_in
from app.line.weighed_pool import weighed_pools
from app.service.admission import promise
from app.simulate.collecting import seldom_collected
from app.simulate.load.fleet import Fleet
from app.simulate.load.outcome import COMPLETED, LATE, REFUSED, UNFINISHED, Outcome, Ran, Sample
from app.simulate.load.pool import SimulatedPool
from app.simulate.load.replica import Left, Replica, attempt
from app.simulate.load.request_kind import RequestKind
from app.simulate.load.results_cache import MadeBefore
from app.simulate.load.traffic import Arrival
from app.types import Job, Phase, Wishes

Event = tuple[float, int, Callable[..., None], tuple[Any, ...]]
SAMPLES = 600  # of the line, over the whole time
MINDED_S = 5.0  # a backlog is told at least this often
BUSY_PER_S = 200  # of so many jobs in the line or under way a backlog is told every second, of more less often


class Simulation:
    """Use once. `seconds`: when the load ends; what was accepted by then is made to its end."""

    def __init__(self, fleet: Fleet, kinds: Sequence[RequestKind], seconds: float, seed: int = 0) -> None:
        dice = Random(seed)
        self._fleet, self._rules, self._seconds = fleet, fleet.rules, seconds
        self._pools = {name: SimulatedPool(name, fleet, kinds, dice) for name in fleet.pools}
        self._dispatch = Dispatch(self._rules)
        self._shares = TenantShares(self._rules)
        self._heap: list[Event] = []
        self._order = count()
        self._ids = count(1)
        self._kinds: dict[str, tuple[RequestKind, str]] = {}  # by job id, with the key of its video
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, Job] = {}
        self._followers: dict[str, Job] = {}
        self._where: dict[str, Replica] = {}
        self._cache = MadeBefore()
        self._backlog: Backlog | None = None
        self._entered: dict[str, float] = {}
        self._since: dict[str, float] = {}  # those of them that have moved since the backlog was told
        self._outcomes: list[Outcome] = []
        self._samples: list[Sample] = []
        self._passing = False
        self._again = False
        self._publish_at = 0.0
        self._passes = self._events = 0
        self._sample_at, self._sample_s = 0.0, max(1.0, seconds / SAMPLES)

    def run(self, arrivals: Iterable[Arrival]) -> Ran:
        """The whole of it; arrivals come in order of time."""
        began = time.perf_counter()
        self._next(iter(arrivals))
        self._at(0.0, self._tick)
        with seldom_collected():
            while self._heap:
                now, _, act, args = heapq.heappop(self._heap)
                self._events += 1
                act(now, *args)
        end = max(self._seconds, max((one.ended for one in self._outcomes), default=0.0))
        for job in (*self._waiting.values(), *self._followers.values()):
            self._end(job, end, UNFINISHED)
        for pool in self._pools.values():
            pool.close(end)
        return Ran(
            end,
            self._outcomes,
            self._samples,
            {name: pool.alive_s for name, pool in self._pools.items()},
            {name: pool.busy_s for name, pool in self._pools.items()},
            {name: pool.timeline for name, pool in self._pools.items()},
            self._passes,
            self._events,
            time.perf_counter() - began,
        )

    def _at(self, at: float, act: Callable[..., None], *args: object) -> None:
        heapq.heappush(self._heap, (at, next(self._order), act, args))

    # A request comes

    def _next(self, arrivals: Iterator[Arrival]) -> None:
        found = next(arrivals, None)
        if found is not None:
            self._at(found.at, self._arrive, found, arrivals)

    def _arrive(self, now: float, asked: Arrival, arrivals: Iterator[Arrival]) -> None:
        self._next(arrivals)
        kind = asked.kind
        deadline = None if kind.deadline_s is None else now + kind.deadline_s
        wishes = _WISHES[kind.priority]
        job = Job(
            f"{next(self._ids):09d}", asked.tenant, kind.plan, Phase.QUEUED, now, wishes=wishes, deadline=deadline
        )
        self._kinds[job.id] = kind, asked.key
        if asked.key in self._cache.made:
            self._end(job, now, COMPLETED, started=now, cached=True)
        elif self._cache.joins(asked.key, job.id):
            self._followers[job.id] = job
        else:
            self._admit(job, asked.key, now)

    def _admit(self, job: Job, key: str, now: float) -> None:
        promised_s = None
        if self._backlog is not None:
            cost, counter = turn_in(self._backlog, job), counter_of(job)
            self._enter(counter, cost)
            try:
                promised_s = promise(job, self._backlog, self._since, self._fleet.settings)
            except Overloaded:
                self._enter(counter, -cost)
                self._end(job, now, REFUSED)
                return
        if promised_s is not None:
            object.__setattr__(job, "promised_s", promised_s)  # nobody else has seen it yet
        self._cache.takes_off(key)
        self._waiting[job.id] = job
        self._dispatch.line.add(job)
        self._wake(now)

    def _enter(self, counter: str, cost: float) -> None:
        self._entered[counter] = self._since[counter] = self._entered.get(counter, 0.0) + cost

    # The dispatcher

    def _wake(self, now: float) -> None:
        """A pass begins at once, or as soon as the one under way has ended."""
        if self._passing:
            self._again = True
            return
        self._passing = True
        self._at(now + self._fleet.hops.pass_s, self._pass)

    def _tick(self, now: float) -> None:
        """A pool is minded though nothing happens."""
        self._wake(now)
        if now < self._seconds or self._waiting or self._running:
            self._at(now + MINDED_S, self._tick)

    def _pass(self, now: float) -> None:
        self._passes += 1
        due = now >= self._publish_at
        if due or self._waiting:
            self._decide(now, due)
        self._passing = False
        if self._again:
            self._again = False
            self._wake(now)

    def _decide(self, now: float, due: bool) -> None:
        """Who of the line starts; `due`: what is told then, too."""
        capacity = {name: pool.capacity(now) for name, pool in self._pools.items()}
        waiting = list(self._waiting.values())
        # Where everybody starts, it does not matter who runs: a thousand of them are not listed for it.
        weighed = self._rules.most_of_tenant is not None or len(waiting) > min(each.free for each in capacity.values())
        running = list(self._running.values()) if due or weighed else []
        if due:
            self._shares.observe(waiting, running, now)
        start, late = self._dispatch.choose(running, capacity, now, self._shares.starts)
        left = self._dispatch.left(start, self._shares.starts) if due else ()
        self._shares.charge(start)
        for job in start:
            self._start(job, now)
        for job in late:
            self._leaves_line(job)
            self._end(job, now, LATE)
            self._land(job, now, made=False)
        if due:
            busy = len(self._waiting) + len(self._running)
            self._publish_at = now + max(self._fleet.hops.publish_s, busy / BUSY_PER_S)
            self._publish(left, now)

    def _leaves_line(self, job: Job) -> None:
        del self._waiting[job.id]
        self._dispatch.line.remove(job.id)

    def _start(self, job: Job, now: float) -> None:
        pool = self._pools[job.plan.pool]
        replica = pool.router.choose()
        if replica is None:
            raise RuntimeError(f"{pool.name} has no replica")
        self._leaves_line(job)
        object.__setattr__(job, "started_at", now)  # the simulation is the only one who has it
        self._running[job.id] = job
        self._where[job.id] = replica
        pool.held += 1
        replica.leases += 1
        pool.router.moved(replica)
        self._boundary_at(replica, replica.take(attempt(job, self._kinds[job.id][0], now), now))

    def _publish(self, left: Sequence[Job], now: float) -> None:
        for pool in self._pools.values():
            for replica in pool.here.values():
                if replica.jobs:
                    replica.note_steps(now)
        capacity = {name: pool.capacity(now) for name, pool in self._pools.items()}
        running, settings = list(self._running.values()), self._fleet.settings
        pools = weighed_pools(left, running, capacity, now, self._rules.age_s, settings.max_wait_s)
        here = left, running, capacity, self._rules, self._shares, settings.max_wait_s
        self._backlog = with_tenants(measured(pools, now, self._entered), *here, pools=pools)
        self._since = {}
        rows = self._backlog.pools or {}
        for name, pool in self._pools.items():
            row = rows[name]
            for at in pool.rescale(row.jobs + row.running, row.step_seconds, now):
                self._at(at, self._started, pool)
        self._sample(now)

    def _sample(self, now: float) -> None:
        if now < self._sample_at:
            return
        self._sample_at = now + self._sample_s
        wanted = sum(pool.decided.wanted if pool.decided else len(pool.here) for pool in self._pools.values())
        there = sum(len(pool.here) for pool in self._pools.values())
        self._samples.append(Sample(now, len(self._waiting), len(self._running), there, wanted))

    def _started(self, now: float, pool: SimulatedPool) -> None:
        if pool.started(now):
            self._wake(now)

    # The replicas

    def _boundary_at(self, replica: Replica, at: float | None) -> None:
        if at is not None:
            replica.version += 1
            self._at(at, self._boundary, replica, replica.version)

    def _boundary(self, now: float, replica: Replica, version: int) -> None:
        if version != replica.version:
            return
        gone, at = replica.boundary(now)
        for one in gone:
            overhead_s, device_s = self._fleet.times.beside_s(one.attempt.shape)
            self._at(one.at + (overhead_s - device_s if one.made else 0.0), self._ended, one)
        self._boundary_at(replica, at)

    def _ended(self, now: float, one: Left) -> None:
        job = one.attempt.job
        pool, replica = self._pools[job.plan.pool], self._where.pop(job.id)
        pool.held -= 1
        replica.leases -= 1
        pool.router.moved(replica)
        del self._running[job.id]
        for job_id in self._shares.left_of((job.id,)):
            self._shares.settle(job_id, None if one.made else job)
        self._end(job, now, COMPLETED if one.made else LATE, started=job.started_at)
        self._land(job, now, one.made)
        self._wake(now)

    def _land(self, job: Job, now: float, made: bool) -> None:
        """Those who waited for the same video have it; of one that failed the first is made instead."""
        key = self._kinds.pop(job.id)[1] if job.id in self._kinds else ""
        followers = [self._followers.pop(each) for each in self._cache.lands(key, made)]
        for each in followers if made else ():
            self._end(each, now, COMPLETED, started=now, cached=True)
        for each in () if made else followers:
            if self._cache.joins(key, each.id):
                self._followers[each.id] = each
            else:
                self._admit(each, key, now)

    def _end(self, job: Job, now: float, end: str, started: float | None = None, cached: bool = False) -> None:
        kind = self._kinds[job.id][0]
        if cached or end in (REFUSED, UNFINISHED):
            del self._kinds[job.id]
        at = now if started is None else started
        self._outcomes.append(
            Outcome(kind.name, job.priority, job.tenant, job.created_at, end, at, now, cached, job.promised_s)
        )


_WISHES = {priority: Wishes(priority=priority) for priority in ("low", "normal", "high")}
