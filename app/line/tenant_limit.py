"""What a tenant's next job waits for because of its own: it may hold no more than so many leases at a time; pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.line.backlog import TenantWaits
from app.line.dispatch import Pool, remaining
from app.line.rules import PRIORITIES
from app.line.wait_estimates import rising
from app.types import Job
from app.types.changed import changed


@dataclass(slots=True)
class OwnLine:
    """A tenant's jobs in all pools, for the limit is one of all pools: it may hold `most` leases."""

    most: int
    running_s: list[float] = field(default_factory=list)  # for which each will still hold its lease
    waiting: list[Job] = field(default_factory=list)
    leases_s: list[float] = field(default_factory=list)  # for which each of those will hold one

    def waits_s(self, now: float, age_s: float) -> dict[str, float]:
        """By class, seconds until a next job finds fewer than `most` before it: those of its class, or lifted to it.

        They run `most` at a time, so that the next begins once a `most`-th of all their work is done (Graham 1966: list
        scheduling leaves no machine idle before it).
        """
        found, ages = {}, rising(self.waiting, self.leases_s, now, age_s)
        for name, level in PRIORITIES.items():
            work, count = sum(self.running_s), len(self.running_s)
            for passes_s, its_s in ages[level]:
                if passes_s > (work / self.most if count >= self.most else 0.0):
                    break
                work, count = work + its_s, count + 1
            found[name] = round(work / self.most, 3) if count >= self.most else 0.0
        return found

    def held_up_s(self, pool: str) -> float:
        """Seconds until a lease is free, for a job that could not use one before: others of its tenant's have them.

        Whatever their class, they took them for pools with room. The first to end leaves it one, no later than as many
        of the longest take on average.
        """
        away_s = [its_s for job, its_s in zip(self.waiting, self.leases_s, strict=True) if job.plan.pool != pool]
        if not away_s or len(self.running_s) + len(away_s) < self.most:
            return 0.0
        return sum(heapq.nlargest(self.most, [*self.running_s, *away_s])) / self.most


def own_lines(
    waiting: Sequence[Job], running: Sequence[Job], capacity: Mapping[str, Pool], most: int
) -> dict[str, OwnLine]:
    """By tenant; only those are named that have as many jobs as they may hold leases."""
    found: dict[str, OwnLine] = defaultdict(lambda: OwnLine(most))
    crowd = _crowd(running, capacity)
    for job in running:
        found[job.tenant].running_s.append(_lease_s(job, remaining(job), crowd))
    for job in waiting:
        line = found[job.tenant]
        line.waiting.append(job)
        line.leases_s.append(_lease_s(job, remaining(job), crowd))
    return {tenant: line for tenant, line in found.items() if len(line.running_s) + len(line.waiting) >= most}


def _lease_s(job: Job, steps_s: float, crowd: Mapping[str, float]) -> float:
    """Until its video is stored: its steps take as much longer as others share the device."""
    asked = job.plan.estimate
    return steps_s * crowd[job.plan.pool] + max(0.0, asked.seconds - asked.step_seconds)


def _crowd(running: Sequence[Job], capacity: Mapping[str, Pool]) -> Mapping[str, float]:
    """By pool: jobs that share a device, at least one."""
    count: dict[str, int] = defaultdict(int)
    for job in running:
        count[job.plan.pool] += 1
    return defaultdict(
        lambda: 1.0, {name: max(1.0, count[name] / max(1, pool.replicas)) for name, pool in capacity.items()}
    )


def limited(
    found: Mapping[str, TenantWaits],
    newcomer: TenantWaits,
    own: Mapping[str, OwnLine],
    own_s: Mapping[str, Mapping[str, float]],
    pool: str,
) -> dict[str, TenantWaits]:
    """A pool's waits by tenant, none shorter than the tenant's limit makes it; who had no row of its own gets one.

    `own_s` is what `OwnLine.waits_s` says of each.
    """
    rows = dict(found)
    for tenant, line in own.items():
        row = rows.get(tenant, newcomer)
        more_s = line.held_up_s(pool) if any(row.ahead_s.values()) else 0.0
        longer = {
            name: max(round(seconds + more_s, 3) if seconds else 0.0, own_s[tenant].get(name, 0.0))
            for name, seconds in row.ahead_s.items()
        }
        if tenant in rows or longer != row.ahead_s:
            rows[tenant] = changed(row, ahead_s=longer)
    return rows
