"""How long a job that comes now would wait, by its class: what admission promises, without clock or I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from app.line.dispatch import Pool, turn_left_s, turn_s
from app.line.rules import HIGHEST, NORMAL, PRIORITIES
from app.types import Job


def lifted(level: int, waited_s: float, age_s: float) -> int:
    """The class of a job that has waited so long, as `app.line.order` lifts it."""
    return min(HIGHEST, level + int(max(0.0, waited_s) / age_s))


def ahead_s(waiting: Sequence[Job], running: Sequence[Job], pool: Pool, now: float, age_s: float) -> dict[str, float]:
    """Seconds of work before a job of each class that comes to this pool now.

    Before it go those of its class and above, and those who age into its class while it waits: they are found by
    looking again with the longer wait, until nobody is added. Running jobs count that it cannot pause. It does not
    count on batches to pay, nor does it know of those who will come.
    """
    return {name: round(_wait_s(level, waiting, running, pool, now, age_s), 3) for name, level in PRIORITIES.items()}


def _wait_s(level: int, waiting: Sequence[Job], running: Sequence[Job], pool: Pool, now: float, age_s: float) -> float:
    devices = max(1, pool.replicas)
    stays = [job for job in running if _level(job) >= level or not pool.spare]
    work = sum(turn_left_s(job, pool) for job in stays)
    left = sorted((_passes_in_s(job, level, now, age_s), turn_s(job, pool)) for job in waiting)
    for passes_in_s, length_s in left:
        if passes_in_s > work / devices:
            break
        work += length_s
    return work / devices


def _passes_in_s(job: Job, level: int, now: float, age_s: float) -> float:
    """When a waiting job stands at least as high as a new one of this class, seconds from now; both age."""
    mine, waited_s = _level(job), max(0.0, now - job.created_at)
    if lifted(mine, waited_s, age_s) >= level:
        return 0.0
    next_s = age_s - waited_s % age_s  # then it is lifted once more, before the new one is
    return next_s if lifted(mine, waited_s + next_s, age_s) >= level else inf


def longest_s(
    waiting: Sequence[Job], waits_s: Mapping[str, float], now: float, age_s: float, most_s: float
) -> dict[str, float]:
    """The longest wait, as it is foreseen now, of those whom a job of each class would hold up.

    `waiting` stands in order of urgency, `waits_s` says how long each will still wait. Only those who never ran, came
    after nobody and still keep within `most_s` have a promise that can be broken.
    """
    found = dict.fromkeys(PRIORITIES, 0.0)
    for job in waiting:
        total_s = now - job.created_at + waits_s.get(job.id, 0.0)
        if job.attempts or job.after or total_s > most_s:
            continue
        level = lifted(_level(job), now - job.created_at, age_s)
        for name in PRIORITIES:
            if PRIORITIES[name] > level:
                found[name] = max(found[name], round(total_s, 3))
    return found


def _level(job: Job) -> int:
    return PRIORITIES.get(job.priority, NORMAL)
