"""Which waiting jobs start now: the dispatcher's decision, in the engine's order of urgency, without clock or I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from app.line.order import Standing
from app.line.rules import Rules
from app.line.slots import SlotAssignment, short
from app.line.tenant_leases import TenantLeases
from app.line.tenant_order import first_by_class, in_turn
from app.line.waiting_line import TenantLine, WaitingLine, class_of, ranks, running_entry
from app.types import Job, ReplicaInfo


@dataclass(frozen=True, slots=True)
class Pool:
    """What a pool of replicas can take: `slots` in all and `spare` beside them, `busy` of both held by leases."""

    slots: int
    busy: int
    replicas: int
    spare: int = 0  # jobs that its replicas can hold paused for more urgent ones
    start_s: float = 0.0  # how long until a first replica is there, for a pool without any
    shut_to: Collection[str] = ()  # ids of jobs that not all of its replicas can take

    @property
    def foreseen(self) -> bool:
        """Whether it is known when its jobs start: it has replicas, or comes by one in a time that is known."""
        return self.replicas > 0 or self.start_s > 0

    @property
    def free(self) -> int:
        return max(0, self.slots - self.busy)

    @property
    def room(self) -> int:
        """Leases that may still be given, whether or not a slot is free."""
        return max(0, self.slots + self.spare - self.busy)


class Choice(NamedTuple):
    """What becomes of the line: each waiting job is in one of these, the most urgent of each pool first."""

    start: list[Job]
    left: list[Job]
    late: list[Job]  # past their deadline


def pools(replicas: Sequence[ReplicaInfo], busy: Mapping[str, int], max_paused: int = 0) -> dict[str, Pool]:
    """Pools by name from what replicas say and how many leases each pool holds; `max_paused` is for each replica."""
    slots, count = Counter[str](), Counter(replica.pool for replica in replicas)
    for replica in replicas:
        slots[replica.pool] += replica.slots
    return {
        name: Pool(slots[name], busy.get(name, 0), count[name], max_paused * count[name])
        for name in count.keys() | busy.keys()
    }


def remaining(job: Job) -> float:
    """Step-seconds a running job still needs."""
    return job.plan.estimate.step_seconds * job.plan.left(job.step)


def turn_s(job: Job, pool: Pool) -> float:
    """Seconds for which a waiting job will keep others of its pool from a device.

    Where a replica takes one job at a time they wait for all of it, until it is written down; else its decoding and
    finishing pass beside the others' steps, and what counts is the device's own time.
    """
    asked = job.plan.estimate
    return asked.seconds if 0 < pool.slots <= pool.replicas else max(asked.step_seconds, asked.device_seconds)


def turn_left_s(job: Job, pool: Pool) -> float:
    """The same of a running job: what is left of its steps, and what comes besides."""
    return remaining(job) + turn_s(job, pool) - job.plan.estimate.step_seconds


def _level_with_all(pool: str) -> Mapping[str, float]:
    return {}


class Dispatch:
    """Decides for one process, which keeps the line; see `choose`."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.line = WaitingLine(rules)

    def choose(
        self,
        running: Sequence[Job],
        capacity: Mapping[str, Pool],
        now: float,
        starts: Callable[[str], Mapping[str, float]] = _level_with_all,
    ) -> tuple[list[Job], list[Job]]:
        """Of the line as it has been observed, who starts, and who is past the deadline."""
        rules, line = self._rules, self.line
        late = line.look(now)
        if not line.pools():  # nobody waits who could start
            return [], late
        leases = TenantLeases(line, running, rules.most_of_tenant)
        at_work: dict[str, list[Job]] = {}
        for job in running:
            at_work.setdefault(job.plan.pool, []).append(job)
        chosen: dict[str, list[Standing]] = {}
        again: Collection[str] = capacity.keys()
        while again:
            for name in again:
                allowed = _Allowed(name, line, leases, capacity[name].shut_to, now, rules)
                pool, here = capacity[name], at_work.get(name, ())
                chosen[name] = _admitted(name, line, allowed, here, pool, now, starts(name), rules)
            let_go = leases.settle(chosen)
            again = [name for name in capacity if let_go and not line.pool(name).keys().isdisjoint(let_go)]
        return [line.jobs[one.entry.job_id] for some in chosen.values() for one in some], late

    def left(self, without: Sequence[Job], starts: Callable[[str], Mapping[str, float]] = _level_with_all) -> list[Job]:
        """The line, in order, but for these and those past their deadline; `starts` as it was chosen by."""
        gone, jobs = {job.id for job in without}, self.line.jobs
        ids = (one.entry.job_id for name in self.line.pools() for one in self.line.whole(name, starts(name)))
        return [jobs[job_id] for job_id in ids if job_id not in gone]


def choose(
    waiting: Sequence[Job],
    running: Sequence[Job],
    capacity: Mapping[str, Pool],
    now: float,
    rules: Rules,
    starts: Callable[[str], Mapping[str, float]] = _level_with_all,
) -> Choice:
    """The jobs to lease now.

    Within each pool free slots go to the most urgent class, within it to tenants by fair share, and of each tenant to
    its most urgent; a full pool does not hold up another. `starts` says of a pool how far each tenant's share has come
    (`app.line.tenant_shares`). In a full pool a job may still be leased for which a running one gives way by the
    engine's rules, one each: to a higher class, to a tenant that holds less than its share of the slots, or, in its own
    class, to a job with a deadline that it can let finish before it. A tenant that may hold only so many leases has
    them for its most urgent jobs that can start, in whatever pool (`app.line.tenant_leases`). One that holds all of
    its own, a job that stays out after its replica was lost, and one to which its pool is shut, hold up nobody.
    """
    dispatch = Dispatch(rules)
    dispatch.line.observe(waiting)
    start, late = dispatch.choose(running, capacity, now, starts)
    return Choice(start, dispatch.left(start, starts), late)


class _Allowed:
    """Of a pool's line those who may start as far as it is up to them and their tenants."""

    def __init__(
        self, name: str, line: WaitingLine, leases: TenantLeases, shut: Collection[str], now: float, rules: Rules
    ) -> None:
        self.lines = line.pool(name)
        self._left = leases.left
        self._rows: dict[str, Sequence[Standing]] = {}
        self._some: dict[str, set[str]] = {}  # ids, of tenants of whom not all may
        for tenant, its in self.lines.items():
            rows, most = leases.asked(tenant, name), leases.left(tenant)
            back = {
                job_id
                for job_id, job in its.held_back.items()
                if job.not_before is not None and 0.0 < job.not_before - now <= rules.pause_most_s
            }
            if back or shut:
                rows = [one for one in rows if one.entry.job_id not in back and one.entry.job_id not in shut]
            if most is not None and not most:
                rows = ()
            if len(rows) < len(its) or (most is not None and most < len(rows)):
                self._some[tenant] = {one.entry.job_id for one in rows[:most]}
            self._rows[tenant] = rows

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def may(self, one: Standing) -> bool:
        """Whether it may have a free slot: of each tenant as many as it may have leases, the most urgent."""
        some = self._some.get(one.entry.urgency.tenant)
        return some is None or one.entry.job_id in some

    def beyond(self, taken: Sequence[Standing]) -> dict[str, Sequence[Standing]]:
        """By tenant, all but those `taken`; nobody without any, or with all the leases that it may have."""
        ids = {one.entry.job_id for one in taken}
        whose = Counter(map(_tenant, taken))
        rest = {
            tenant: [one for one in rows if one.entry.job_id not in ids] if tenant in whose else rows
            for tenant, rows in self._rows.items()
            if self._more(tenant, whose) != 0
        }
        return {tenant: rows for tenant, rows in rest.items() if rows}

    def guests(self, rivals: Mapping[str, Sequence[Standing]], taken: Sequence[Standing]) -> list[Standing]:
        """Of those for whom others may give way, of each tenant as many as it may have beside those `taken`."""
        whose, found = Counter(map(_tenant, taken)), list[Standing]()
        for tenant, some in rivals.items():
            more = self._more(tenant, whose)
            found += some if more is None else first_by_class(more, some)
        return found

    def _more(self, tenant: str, taken: Mapping[str, int]) -> int | None:
        left = self._left(tenant)
        return None if left is None else max(0, left - taken.get(tenant, 0))


def _admitted(
    name: str,
    line: WaitingLine,
    allowed: _Allowed,
    running: Sequence[Job],
    pool: Pool,
    now: float,
    starts: Mapping[str, float],
    rules: Rules,
) -> list[Standing]:
    """Those of one pool's line that start, in order; who is `running` there is ranked if need be."""
    free, count = pool.free, len(allowed)
    taken = list(islice(filter(allowed.may, line.in_order(name, starts)), free)) if free and count else []
    room = pool.room - len(taken)
    if count <= len(taken) or not (room and pool.slots and running):
        return taken
    rest = allowed.beyond(taken)
    if len(running) <= pool.slots:  # most often nobody has to give way, and those who run need not be ranked for that
        held, lowest = Counter(job.tenant for job in running), min(map(class_of, running))
        lacking = short(rest.keys(), held, rules, max(1, pool.replicas))
        if not _rivals(allowed.lines, rest, lacking, lowest):
            return taken
    rank = ranks(now, rules)
    at_work = [rank(running_entry(job, remaining(job), now)) for job in running]
    # Of more leases than slots the first in turn hold the slots; the others are paused and have nothing to give.
    kept = in_turn(pool.slots, at_work, {}, rules, by_class=True)
    slots = SlotAssignment(kept, replace(rules, slots=pool.slots, device_bytes=None), max(1, pool.replicas))
    lowest = min(one.entry.urgency.priority for one in kept)
    rivals = allowed.guests(_rivals(allowed.lines, rest, slots.short(rest.keys()), lowest), taken)
    for one in in_turn(pool.slots, [rank(one.entry) for one in rivals], slots.held, rules, by_class=True):
        above = slots.lowest < one.entry.urgency.priority
        if len(slots.admitted) < room and (above or _due(one) or _tenant(one) in slots.short({_tenant(one)})):
            slots.preempt_for(one)
    return [*taken, *line.sorted(name, slots.admitted, starts)]


def _rivals(
    lines: Mapping[str, TenantLine], rest: Mapping[str, Sequence[Standing]], lacking: Collection[str], lowest: int
) -> dict[str, Sequence[Standing]]:
    """Those of the rest for whom somebody may give way: of a higher class, with a deadline, of a tenant with less."""
    rivals = dict[str, Sequence[Standing]]()
    for tenant, rows in rest.items():
        line = lines[tenant]
        if tenant in lacking:
            rivals[tenant] = rows
        elif line.due or any(count and priority > lowest for priority, count in line.classes.items()):
            rivals[tenant] = [one for one in rows if _due(one) or one.entry.urgency.priority > lowest]
    return rivals


def _due(one: Standing) -> bool:
    return one.entry.urgency.deadline is not None


def _tenant(one: Standing) -> str:
    return one.entry.urgency.tenant
