"""Which waiting jobs start now: the dispatcher's decision, in the engine's order of urgency, without clock or I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from app.line.order import Standing
from app.line.rules import Rules
from app.line.slots import SlotAssignment
from app.line.tenant_order import in_turn
from app.line.waiting_line import TenantLine, WaitingLine, ranks, running_entry
from app.types import Job, ReplicaInfo


@dataclass(frozen=True, slots=True)
class Pool:
    """What a pool of replicas can take: `slots` in all and `spare` beside them, `busy` of both held by leases."""

    slots: int
    busy: int
    replicas: int
    spare: int = 0  # jobs that its replicas can hold paused for more urgent ones
    start_s: float = 0.0  # how long until a first replica is there, for a pool without any

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
        held = Counter(job.tenant for job in running) if rules.most_of_tenant is not None else Counter[str]()
        at_work: dict[str, list[Job]] = {}
        for job in running:
            at_work.setdefault(job.plan.pool, []).append(job)
        start: list[Job] = []
        for name, pool in capacity.items():
            allowed = _Allowed(line.pool(name), line.jobs, held, now, rules)
            admitted = _admitted(name, line, allowed, at_work.get(name, ()), pool, now, starts(name), rules)
            held.update(one.entry.urgency.tenant for one in admitted)
            start += [line.jobs[one.entry.job_id] for one in admitted]
        return start, late

    def left(self, without: Sequence[Job], starts: Callable[[str], Mapping[str, float]] = _level_with_all) -> list[Job]:
        """The line, in order, but for these and those past their deadline; `starts` as it was chosen by."""
        gone = {job.id for job in without}
        ids = (one.entry.job_id for name in self.line.pools() for one in self.line.in_order(name, starts(name)))
        return [self.line.jobs[job_id] for job_id in ids if job_id not in gone]


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
    class, to a job with a deadline that it can let finish before it. A tenant with all the leases that it may hold, and
    a job that stays out after its replica was lost, hold up nobody.
    """
    dispatch = Dispatch(rules)
    dispatch.line.observe(waiting)
    start, late = dispatch.choose(running, capacity, now, starts)
    return Choice(start, dispatch.left(start, starts), late)


class _Allowed:
    """Of a pool's line those who may start as far as it is up to them and their tenants, who hold so many already."""

    def __init__(
        self,
        lines: Mapping[str, TenantLine],
        jobs: Mapping[str, Job],
        held: Mapping[str, int],
        now: float,
        rules: Rules,
    ) -> None:
        self.lines = lines
        self._rows: dict[str, Sequence[Standing]] = {}
        self._some: dict[str, set[str]] = {}  # ids, of tenants of whom not all may
        for tenant, line in lines.items():
            rows = line.rows()
            back = {
                job_id
                for job_id, job in line.held_back.items()
                if job.not_before is not None and 0.0 < job.not_before - now <= rules.pause_most_s
            }
            most = None if rules.most_of_tenant is None else max(0, rules.most_of_tenant - held.get(tenant, 0))
            if back or (most is not None and most < len(rows)):
                rows = list(islice((one for one in rows if one.entry.job_id not in back), most))
                self._some[tenant] = {one.entry.job_id for one in rows}
            self._rows[tenant] = rows

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def may(self, one: Standing) -> bool:
        """Whether it is one of them."""
        some = self._some.get(one.entry.urgency.tenant)
        return some is None or one.entry.job_id in some

    def beyond(self, taken: Sequence[Standing]) -> dict[str, Sequence[Standing]]:
        """By tenant, all but those `taken`; nobody without any."""
        ids = {one.entry.job_id for one in taken}
        whose = {one.entry.urgency.tenant for one in taken}
        rest = {
            tenant: [one for one in rows if one.entry.job_id not in ids] if tenant in whose else rows
            for tenant, rows in self._rows.items()
        }
        return {tenant: rows for tenant, rows in rest.items() if rows}


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
    rank = ranks(now, rules)
    at_work = [rank(running_entry(job, remaining(job), now)) for job in running]
    # Of more leases than slots the first in turn hold the slots; the others are paused and have nothing to give.
    kept = in_turn(pool.slots, at_work, {}, rules, by_class=True)
    slots = SlotAssignment(kept, replace(rules, slots=pool.slots, device_bytes=None), max(1, pool.replicas))
    rest = allowed.beyond(taken)
    rivals = _rivals(allowed.lines, rest, slots, min(one.entry.urgency.priority for one in kept))
    for one in in_turn(pool.slots, [rank(one.entry) for one in rivals], slots.held, rules, by_class=True):
        above = slots.lowest < one.entry.urgency.priority
        if len(slots.admitted) < room and (above or _due(one) or _tenant(one) in slots.short({_tenant(one)})):
            slots.preempt_for(one)
    return [*taken, *line.sorted(name, slots.admitted, starts)]


def _rivals(
    lines: Mapping[str, TenantLine], rest: Mapping[str, Sequence[Standing]], slots: SlotAssignment, lowest: int
) -> list[Standing]:
    """Those of the rest for whom somebody may give way: of a higher class, with a deadline, of a tenant with less."""
    short, rivals = slots.short(rest.keys()), list[Standing]()
    for tenant, rows in rest.items():
        line = lines[tenant]
        if tenant in short:
            rivals += rows
        elif line.due or any(count and priority > lowest for priority, count in line.classes.items()):
            rivals += [one for one in rows if _due(one) or one.entry.urgency.priority > lowest]
    return rivals


def _due(one: Standing) -> bool:
    return one.entry.urgency.deadline is not None


def _tenant(one: Standing) -> str:
    return one.entry.urgency.tenant
