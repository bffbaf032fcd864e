"""What a tenant's next job waits for because of its own: it may hold no more than so many leases at a time; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.line.backlog import TenantWaits
from app.line.dispatch import Pool, turn_left_s, turn_s
from app.line.rules import NORMAL, PRIORITIES
from app.types import Job


def own_waits_s(
    waiting: Sequence[Job], running: Sequence[Job], capacity: Mapping[str, Pool], most: int
) -> dict[str, dict[str, float]]:
    """By tenant and class: seconds until a next job of it finds fewer than `most` of the tenant's own before it.

    Of all pools, for the limit is one of all pools. Only tenants that have as many jobs are named. They run `most` at a
    time, so that the next begins once a `most`-th of all their work is done (Graham 1966: list scheduling leaves no
    machine idle before it); where devices are shared, each of them takes as much longer.
    """
    mine: dict[str, list[tuple[int, float]]] = defaultdict(list)  # class, seconds; the running ones before all
    crowd = _crowd(running, capacity)
    for job in running:
        mine[job.tenant].append(
            (max(PRIORITIES.values()), turn_left_s(job, _pool(job, capacity)) * crowd[job.plan.pool])
        )
    for job in waiting:
        level = PRIORITIES.get(job.priority, NORMAL)
        mine[job.tenant].append((level, turn_s(job, _pool(job, capacity)) * crowd[job.plan.pool]))
    return {tenant: _by_class(jobs, most) for tenant, jobs in mine.items() if len(jobs) >= most}


def _by_class(jobs: Sequence[tuple[int, float]], most: int) -> dict[str, float]:
    found = {}
    for name, level in PRIORITIES.items():
        before = [seconds for its, seconds in jobs if its >= level]
        found[name] = round(sum(before) / most, 3) if len(before) >= most else 0.0
    return found


def _crowd(running: Sequence[Job], capacity: Mapping[str, Pool]) -> Mapping[str, float]:
    """By pool: jobs that share a device, at least one."""
    count: dict[str, int] = defaultdict(int)
    for job in running:
        count[job.plan.pool] += 1
    return defaultdict(
        lambda: 1.0, {name: max(1.0, count[name] / max(1, pool.replicas)) for name, pool in capacity.items()}
    )


def _pool(job: Job, capacity: Mapping[str, Pool]) -> Pool:
    return capacity.get(job.plan.pool, Pool(0, 0, 0))


def limited(
    found: Mapping[str, TenantWaits], newcomer: TenantWaits, own_s: Mapping[str, Mapping[str, float]]
) -> dict[str, TenantWaits]:
    """A pool's waits by tenant, none shorter than the tenant's limit makes it; who had no row of its own gets one."""
    rows = dict(found)
    for tenant, least_s in own_s.items():
        row = rows.get(tenant, newcomer)
        longer = {name: max(seconds, least_s.get(name, 0.0)) for name, seconds in row.ahead_s.items()}
        if tenant in rows or longer != row.ahead_s:
            rows[tenant] = replace(row, ahead_s=longer)
    return rows
