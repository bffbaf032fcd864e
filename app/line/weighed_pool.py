"""A pool's line and what runs there: each job is read once for all that is told of them; pure, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from app.line.dispatch import Pool
from app.line.rules import HIGHEST, NORMAL, PRIORITIES
from app.types import Job

CLASSES = HIGHEST + 1
Row = tuple[int, int, float, float, float]
"""A waiting job: its class, that to which age has lifted it, seconds until it is lifted once more, work, turn."""


def _zeros() -> list[float]:
    return [0.0] * CLASSES


@dataclass(slots=True)
class TenantPart:
    """What one tenant has in a pool's line. Lists are by the class to which age has lifted the jobs."""

    rows: list[Row] = field(default_factory=list)  # in order of urgency
    jobs: list[int] = field(default_factory=lambda: [0] * CLASSES)
    work: list[float] = field(default_factory=_zeros)  # step-seconds
    # The longest that one of them, and the first of them, will have waited; 0: none whose promise can be broken
    longest_s: list[float] = field(default_factory=_zeros)
    first_s: list[float] = field(default_factory=_zeros)


@dataclass(slots=True)
class WeighedPool:
    """A pool at a moment. Seconds are of one device, but for `all_s`: when all of it is done."""

    pool: Pool
    left_s: Mapping[tuple[str, int], float]  # for which running jobs still keep a device, by tenant and class
    kept_s: Sequence[float]  # of that, by class, what is of jobs that do not give way to one of it
    held: Mapping[str, int]  # running jobs by tenant
    left: float  # step-seconds of those still to come
    parts: dict[str, TenantPart] = field(default_factory=dict)
    lifts: set[tuple[int, int]] = field(default_factory=set)  # each class, and where age has lifted one of it
    counts: list[int] = field(default_factory=lambda: [0] * CLASSES)  # waiting, by class
    turns_s: list[float] = field(default_factory=_zeros)  # of those whom age has lifted to each class
    all_s: float = 0.0

    @property
    def jobs(self) -> int:
        return sum(self.counts)

    @property
    def work(self) -> float:
        """Step-seconds of those who wait."""
        return sum(sum(part.work) for part in self.parts.values())

    @property
    def longest_s(self) -> list[float]:
        """The longest that one will have waited, by the class to which age has lifted it."""
        return most(part.longest_s for part in self.parts.values())

    def rising(self, level: int) -> list[tuple[float, float]]:
        """When those are lifted to this class who come to it while anybody waits here, and their turns, in order."""
        all_s, below = self.all_s, level - 1
        if all(lifted != below for _, lifted in self.lifts):
            return []
        rows = (row for part in self.parts.values() for row in part.rows)
        return sorted((row[2], row[4]) for row in rows if row[1] == below and row[2] <= all_s)


def most(rows: Iterable[Sequence[float]]) -> list[float]:
    """The largest of each class, at least 0."""
    return [max(each) for each in zip(_zeros(), *rows, strict=True)]


def by_class(longest_s: Sequence[float]) -> dict[str, float]:
    """The longest wait of those whom a job of each class would hold up: those of the classes below."""
    found, longest = {}, 0.0
    for name, its_s in zip(PRIORITIES, longest_s, strict=True):  # the lowest first
        found[name] = round(longest, 3)
        longest = max(longest, its_s)
    return found


def weighed(
    waiting: Sequence[Job], running: Sequence[Job], pool: Pool, now: float, age_s: float, most_s: float = inf
) -> WeighedPool:
    """A pool's jobs, the waiting ones in order of urgency.

    Age lifts a job by a class every `age_s`. `most_s` is what a job may wait: only those who never ran, came after
    nobody and still keep within it have a promise that can be broken.
    """
    found = _with_running(running, pool)
    alone, devices, start_s = 0 < pool.slots <= pool.replicas, max(1, pool.replicas), pool.start_s
    parts, lifts, counts, turns_s = found.parts, found.lifts, found.counts, found.turns_s
    before_s, classes = sum(found.left_s.values()), dict(PRIORITIES)
    for job in waiting:  # thousands of them, again and again: what is looked up twice has a name
        asked, level, lifts_in_s = job.plan.estimate, classes.get(job.priority, NORMAL), inf
        work = asked.step_seconds
        turn = asked.seconds if alone else max(work, asked.device_seconds)  # as `app.line.dispatch.turn_s`
        if job.step:
            work *= job.plan.left(job.step)
        waited_s, lifted = now - job.created_at, level
        if waited_s >= age_s:
            lifted = min(HIGHEST, level + int(waited_s / age_s))
        if lifted < HIGHEST:
            lifts_in_s = age_s - max(0.0, waited_s) % age_s
        part = parts.get(job.tenant)
        first = part is None
        if part is None:
            part = parts[job.tenant] = TenantPart()
        part.rows.append((level, lifted, lifts_in_s, work, turn))
        part.jobs[lifted] += 1
        part.work[lifted] += work
        total_s = waited_s + before_s / devices + start_s
        if part.longest_s[lifted] < total_s <= most_s and not (job.attempts or job.after):
            part.longest_s[lifted] = total_s
            if first:
                part.first_s[lifted] = total_s
        counts[level] += 1
        turns_s[lifted] += turn
        lifts.add((level, lifted))
        before_s += turn
    found.all_s = before_s / devices + start_s
    return found


def _with_running(running: Sequence[Job], pool: Pool) -> WeighedPool:
    left_s: dict[tuple[str, int], float] = {}
    held: dict[str, int] = {}
    left, alone, classes = 0.0, 0 < pool.slots <= pool.replicas, dict(PRIORITIES)
    for job in running:
        plan, tenant = job.plan, job.tenant
        whose, asked = (tenant, classes.get(job.priority, NORMAL)), plan.estimate
        steps_s = asked.step_seconds
        its_s, turn = steps_s * plan.left(job.step), asked.seconds if alone else max(steps_s, asked.device_seconds)
        left_s[whose] = left_s.get(whose, 0.0) + (its_s + turn - steps_s)  # as `app.line.dispatch.turn_left_s`
        held[tenant] = held.get(tenant, 0) + 1
        left += its_s
    kept_s = [sum(its_s for (_, its), its_s in left_s.items() if its >= level) for level in range(CLASSES)]
    return WeighedPool(pool, left_s, kept_s if pool.spare else kept_s[:1] * CLASSES, held, left)


def weighed_pools(
    waiting: Sequence[Job],
    running: Sequence[Job],
    capacity: Mapping[str, Pool],
    now: float,
    age_s: float,
    most_s: float = inf,
) -> dict[str, WeighedPool]:
    """All pools, by name, in order of it."""
    lines, under_way, nobody = by_pool(waiting), by_pool(running), Pool(0, 0, 0)
    return {
        name: weighed(lines.get(name, ()), under_way.get(name, ()), capacity.get(name, nobody), now, age_s, most_s)
        for name in sorted(lines.keys() | under_way.keys() | set(capacity))
    }


def by_pool(jobs: Sequence[Job]) -> dict[str, list[Job]]:
    """The same jobs by pool, in the same order."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        name = job.plan.pool
        if name in found:
            found[name].append(job)
        else:
            found[name] = [job]
    return found
