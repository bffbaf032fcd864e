"""The line as one process keeps it between decisions: who is in it, in which order; only what moved is ranked."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, compress, count, repeat
from math import floor, inf
from operator import attrgetter, is_not, neg
from typing import Any

from app.line.order import Entry, Standing, Urgency, standings
from app.line.profile import Profile
from app.line.rules import HIGHEST, NORMAL, PRIORITIES, Rules
from app.line.story_order import in_story_order
from app.line.tenant_order import levels_of, levels_reached
from app.types import Job

TICK_S = 0.001
# Every plan has an estimate of its own, so all count here as of one shape, whose forward takes a tick.
_LENGTHS = Profile({((), 1): TICK_S})
EARLY_S = 0.001  # before a standing can change it is looked at again: far above what a float of Unix seconds is off by
_Ranked = tuple[int, float, Any, Standing]  # level, negated; start tag; key: what fair shares order by


class WaitingLine:
    """The waiting jobs by pool and tenant, each tenant's in their own order (`app.line.order`).

    A job's key stays the same until it is lifted by a class or its slack comes to the next grain, and both are known
    ahead: so a pass ranks again only those whose time has come, not all who wait. What it says is what ranking all of
    them would say.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.jobs: dict[str, Job] = {}
        """All of them by id, those past their deadline among them."""
        self.here: dict[tuple[str, str], int] = {}
        """How many of them there are by pool and tenant."""
        self._pools: dict[str, dict[str, TenantLine]] = {}
        self._standing: dict[str, Standing] = {}  # of those that are in a tenant's line
        self._due: dict[str, float] = {}  # deadlines of those
        self._late: dict[str, Job] = {}
        self._new: list[Job] = []
        self._again: list[tuple[float, int, Standing]] = []  # a heap: when whose standing may change
        self._number = count()
        self._at = -inf

    def observe(self, waiting: Iterable[Job]) -> None:
        """These wait now, and nobody else."""
        here, before = {job.id: job for job in waiting}, self.jobs
        if here.keys() != before.keys():
            for job_id in before.keys() - here.keys():
                self.remove(job_id)
        others = map(is_not, here.values(), map(before.get, here))  # of thousands most often a few
        for job in list(compress(here.values(), others)):
            self.add(job)

    def add(self, job: Job) -> None:
        """It waits now; one of the same id is replaced."""
        self.remove(job.id)
        self.jobs[job.id] = job
        self._new.append(job)
        whose = job.plan.pool, job.tenant
        self.here[whose] = self.here.get(whose, 0) + 1

    def remove(self, job_id: str) -> None:
        """It does not wait any more, if it did."""
        job = self.jobs.pop(job_id, None)
        if job is not None:
            whose = job.plan.pool, job.tenant
            self.here[whose] -= 1
            if not self.here[whose]:
                del self.here[whose]
            self._take_out(job)
            self._late.pop(job_id, None)

    def look(self, now: float) -> list[Job]:
        """Bring the order to `now`, Unix seconds; who is past the deadline, and in no line any more."""
        if now < self._at:  # a clock that was set back: nothing that was foreseen holds
            self._forget()
        self._at = now
        for job_id in [job_id for job_id, deadline in self._due.items() if now >= deadline]:
            self._late[job_id] = self.jobs[job_id]
            self._take_out(self.jobs[job_id])
        if self._new or (self._again and self._again[0][0] <= now):
            self._rank(now)
        return list(self._late.values())

    def _rank(self, now: float) -> None:
        """Those who are new, and those whose standing may have changed."""
        rank = standings(now, self._rules, _LENGTHS)
        for job in self._new:
            if self.jobs.get(job.id) is not job:
                continue
            if job.deadline is not None and now >= job.deadline:
                self._late[job.id] = job
                continue
            if job.deadline is not None:
                self._due[job.id] = job.deadline
            self._put(job, rank(waiting_entry(job)), now)
        self._new = []
        again: list[Standing] = []
        while self._again and self._again[0][0] <= now:
            again.append(heapq.heappop(self._again)[2])
        for before in again:
            if self._standing.get(before.entry.job_id) is before:
                self._put(self.jobs[before.entry.job_id], rank(before.entry), now)

    def pool(self, name: str) -> Mapping[str, TenantLine]:
        """The lines of a pool's tenants, none of them empty."""
        return self._pools.get(name, {})

    def pools(self) -> Sequence[str]:
        """Names of the pools for which anybody waits."""
        return list(self._pools)

    def in_order(self, name: str, starts: Mapping[str, float]) -> Iterator[Standing]:
        """A pool's line, the first first: by class, then by start tag: the virtual time when a share comes to a job.

        Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) with step-seconds as the length of a job: a
        tenant's virtual time goes on by the work of each of its jobs over its weight, and the least is served next. As
        in Virtual Token Counters (Sheng et al., OSDI 2024) who comes starts level with the least of those who are
        there, or before them by what it may borrow; `starts` holds where each tenant is now. Of equal tags the more
        urgent job goes first. So of two tenants that wait in one class neither gets ahead of the other by more than one
        job of each, over weights, and that; and a single tenant's order, like that of each tenant's own jobs, is that
        of their keys. Lazy: only as many are compared as are taken.
        """
        lines = self.pool(name)
        if len(lines) < 2:
            return iter([one for line in lines.values() for one in line.rows()])
        levels = _levels(lines)
        ranked = (self._ranked(tenant, line, levels, starts) for tenant, line in lines.items())
        return (row[3] for row in heapq.merge(*ranked))

    def whole(self, name: str, starts: Mapping[str, float]) -> Sequence[Standing]:
        """All of `in_order`: who takes all of them sorts what is in order tenant by tenant, rather than merge it."""
        lines = self.pool(name)
        if len(lines) < 2:
            return [one for line in lines.values() for one in line.rows()]
        levels, ranked = _levels(lines), list[_Ranked]()
        for tenant, line in lines.items():
            ranked += self._ranked(tenant, line, levels, starts)
        ranked.sort()
        return [row[3] for row in ranked]

    def sorted(self, name: str, some: Sequence[Standing], starts: Mapping[str, float]) -> list[Standing]:
        """Some of a pool's line, in the order of it."""
        if len(some) < 2:
            return list(some)
        lines, wanted = self.pool(name), {one.entry.job_id for one in some}
        if len(lines) < 2:
            return [one for line in lines.values() for one in line.rows() if one.entry.job_id in wanted]
        levels = _levels(lines)
        rows = [
            row
            for tenant in dict.fromkeys(one.entry.urgency.tenant for one in some)
            for row in self._ranked(tenant, lines[tenant], levels, starts)
            if row[3].entry.job_id in wanted
        ]
        return [row[3] for row in sorted(rows)]

    def _ranked(
        self, tenant: str, line: TenantLine, levels: Mapping[int, int], starts: Mapping[str, float]
    ) -> Iterator[_Ranked]:
        rows, weight = line.rows(), self._rules.weight(tenant)
        tags = accumulate((one.remaining_s / weight for one in rows), initial=starts.get(tenant, 0.0))
        of_class = {levels[priority] for priority, _ in line.lifts()}
        stand = repeat(*of_class) if len(of_class) == 1 else levels_of(rows, levels)
        return zip(map(neg, stand), tags, map(_key, rows), rows, strict=False)

    def _put(self, job: Job, one: Standing, now: float) -> None:
        """It stands so from now on, until that may change."""
        lines = self._pools.setdefault(job.plan.pool, {})
        line = lines.get(job.tenant)
        if line is None:
            line = lines[job.tenant] = TenantLine()
        known = self._standing.get(job.id)
        if known is not None and known.key == one.key:
            one = known
        else:
            self._standing[job.id] = one
            line.put(job, one)
        until = holds_until(one, now, self._rules)
        if until < inf:
            heapq.heappush(self._again, (until, next(self._number), one))

    def _take_out(self, job: Job) -> None:
        if self._standing.pop(job.id, None) is None:
            return
        self._due.pop(job.id, None)
        lines = self._pools[job.plan.pool]
        line = lines[job.tenant]
        line.remove(job)
        if not len(line):
            del lines[job.tenant]
            if not lines:
                del self._pools[job.plan.pool]

    def _forget(self) -> None:
        self._pools, self._standing, self._due, self._late, self._again = {}, {}, {}, {}, []
        self._new = list(self.jobs.values())


class TenantLine:
    """One tenant's jobs for one pool. `classes` counts them by priority, `due` those with a deadline.

    `held_back` are those that stay out for a while after their replica was lost.
    """

    def __init__(self) -> None:
        self.classes: Counter[int] = Counter()
        self.due = 0
        self.held_back: dict[str, Job] = {}
        self._stories: dict[str, Job] = {}  # scenes of storyboards
        self._here: dict[str, Standing] = {}
        self._order: list[Standing] = []  # as it was when it was asked for last
        self._new: dict[str, None] = {}
        self._moved = False
        self._lifts: Collection[tuple[int, int]] = ()

    def __len__(self) -> int:
        return len(self._here)

    def rows(self) -> Sequence[Standing]:
        """In order. The same list until it changes."""
        if not self._moved:
            return self._order
        here, new = self._here, self._new
        ids = [job_id for one in self._order if (job_id := one.entry.job_id) in here and job_id not in new]
        found = [here[job_id] for job_id in (*ids, *(job_id for job_id in new if job_id in here))]
        found.sort(key=_key)  # most are in order already, which takes one comparison each
        self._order = in_story_order(found, self._stories) if len(self._stories) > 1 else found
        self._lifts = {(one.entry.urgency.priority, one.level) for one in found}
        self._new, self._moved = {}, False
        return self._order

    def lifts(self) -> Collection[tuple[int, int]]:
        """Each class that is here, and each to which age has lifted one of it."""
        self.rows()
        return self._lifts

    def places(self) -> Sequence[tuple[int, int, float, float, str]]:
        """By what each of `rows` is compared with the tenant's in other pools, ascending.

        That is its key, or, of a scene that has changed places with another, the key whose place it has.
        """
        return sorted(map(_key, self.rows()))

    def put(self, job: Job, one: Standing) -> None:
        """It comes, or stands elsewhere."""
        if job.id not in self._here:
            self._new[job.id] = None
            self._count(job, 1)
        self._here[job.id] = one
        self._moved = True

    def remove(self, job: Job) -> None:
        """It goes."""
        del self._here[job.id]
        self._count(job, -1)
        self._moved = True

    def _count(self, job: Job, by: int) -> None:
        self.classes[class_of(job)] += by
        self.due += by * (job.deadline is not None)
        for kept, belongs in ((self.held_back, job.not_before), (self._stories, job.wishes.storyboard)):
            if belongs is not None and by > 0:
                kept[job.id] = job
            elif belongs is not None:
                kept.pop(job.id, None)


def holds_until(one: Standing, now: float, rules: Rules) -> float:
    """Until when a job that stood so at `now` has the same key: it is lifted, or its slack comes to a new grain."""
    urgency, until = one.entry.urgency, inf
    if one.level < HIGHEST:
        since = one.entry.since
        until = since + (floor(max(0.0, now - since) / rules.age_s) + 1) * rules.age_s
    if one.relative_slack > -rules.patience and one.length_s:
        due = urgency.arrived + rules.patience * one.length_s if urgency.deadline is None else urgency.deadline
        grain = max(-rules.patience, one.key[1] * rules.grain)
        until = min(until, due - one.remaining_s - grain * one.length_s)
    return max(now, until - EARLY_S)


def class_of(job: Job) -> int:
    """Its priority as a number."""
    return PRIORITIES.get(job.priority, NORMAL)


def waiting_entry(job: Job) -> Entry:
    """A waiting job as the order sees it, with the length that its plan estimates."""
    ticks = ticks_of(job.plan.estimate.step_seconds)
    urgency = Urgency(class_of(job), job.deadline, job.created_at, job.tenant)
    return Entry(job.id, (), urgency, ticks, ticks, job.created_at)


def running_entry(job: Job, left_s: float, now: float) -> Entry:
    """The same of a running one with so many step-seconds left: it was stepped just now."""
    urgency = Urgency(class_of(job), job.deadline, job.created_at, job.tenant)
    return Entry(job.id, (), urgency, ticks_of(job.plan.estimate.step_seconds), ticks_of(left_s), now)


def ticks_of(seconds: float) -> int:
    """As a whole number of them, at least one."""
    return max(1, round(seconds / TICK_S))


def ranks(now: float, rules: Rules) -> Callable[[Entry], Standing]:
    """How to tell a job's standing at this moment."""
    return standings(now, rules, _LENGTHS)


def _levels(lines: Mapping[str, TenantLine]) -> dict[int, int]:
    return levels_reached({lift for line in lines.values() for lift in line.lifts()})


_key: Callable[[Standing], tuple[int, int, float, float, str]] = attrgetter("key")
