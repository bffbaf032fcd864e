"""Which waiting jobs start now, and how long the others will wait: the dispatcher's decisions, without clock or I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.types import Job, Plan, ReplicaInfo


@dataclass(frozen=True, slots=True)
class Pool:
    """What a pool of replicas can take: `slots` in all, `busy` of them held by leases."""

    slots: int
    busy: int
    replicas: int

    @property
    def free(self) -> int:
        return max(0, self.slots - self.busy)


def pools(replicas: Sequence[ReplicaInfo], busy: Mapping[str, int]) -> dict[str, Pool]:
    """Pools by name from what replicas say and how many leases each pool holds."""
    names = {replica.pool for replica in replicas} | set(busy)
    return {
        name: Pool(
            slots=sum(replica.slots for replica in replicas if replica.pool == name),
            busy=busy.get(name, 0),
            replicas=sum(replica.pool == name for replica in replicas),
        )
        for name in names
    }


def choose(waiting: Sequence[Job], capacity: Mapping[str, Pool]) -> list[Job]:
    """The jobs to lease now, first come first served within each pool; a full pool does not hold up another."""
    free = {name: pool.free for name, pool in capacity.items()}
    chosen = []
    for job in waiting:
        if free.get(job.plan.pool, 0) > 0:
            free[job.plan.pool] -= 1
            chosen.append(job)
    return chosen


def backlog(waiting: Sequence[Job], running: Sequence[Job], capacity: Mapping[str, Pool], now: float) -> dict[str, Any]:
    """The note admission, health and statistics read: work in step-seconds by pool, and the longest pool's wait.

    The wait is what one device after another would need for all that is ahead: it does not count on batches to pay.
    """
    names = {job.plan.pool for job in (*waiting, *running)} | set(capacity)
    rows: dict[str, dict[str, float]] = {}
    for name in sorted(names):
        ahead = [job for job in waiting if job.plan.pool == name]
        at_work = [job for job in running if job.plan.pool == name]
        step_seconds = sum(job.plan.estimate.step_seconds for job in ahead) + sum(remaining(job) for job in at_work)
        pool = capacity.get(name, Pool(0, 0, 0))
        rows[name] = {
            "jobs": len(ahead),
            "running": len(at_work),
            "step_seconds": round(step_seconds, 3),
            "slots": pool.slots,
            "replicas": pool.replicas,
            "wait_s": round(step_seconds / max(1, pool.replicas), 3),
        }
    return {
        "at": now,
        "jobs": len(waiting),
        "running": len(running),
        "step_seconds": round(sum(row["step_seconds"] for row in rows.values()), 3),
        "wait_s": max((row["wait_s"] for row in rows.values()), default=0.0),
        "pools": rows,
    }


def remaining(job: Job) -> float:
    """Step-seconds a running job still needs."""
    sampling = job.plan.sampling
    return job.plan.estimate.step_seconds * max(0, sampling.steps - job.step) / max(1, sampling.steps)


def expected_s(note: Mapping[str, Any] | None, position: int, plan: Plan) -> float:
    """Seconds until a waiting job is done: its share of the pool's predicted wait, and its own time."""
    row = (note or {}).get("pools", {}).get(plan.pool, {})
    ahead = row.get("wait_s", 0.0) * min(1.0, (position + 1) / (row.get("jobs", 0) + 1))
    return round(float(ahead) + plan.estimate.seconds, 2)


def queue_news(
    waiting: Sequence[Job], told: Mapping[str, int], note: Mapping[str, Any], limit: int = 200
) -> dict[str, tuple[int, float]]:
    """Positions (0 = next) and etas in seconds, for those of the line's first `limit` whose position is news."""
    return {
        job.id: (place, expected_s(note, place, job.plan))
        for place, job in enumerate(waiting[:limit])
        if told.get(job.id) != place
    }
