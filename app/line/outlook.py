"""How long those who wait will wait: what is told of the line, and how it is read, without clock or I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple

from app.line.dispatch import Pool, remaining, turn_left_s, turn_s
from app.line.promise import ahead_s, longest_s
from app.line.rules import NORMAL, PRIORITIES
from app.types import Job, Plan

TOLD = 200  # so many of the line are told their place


class Place(NamedTuple):
    """Jobs that go before this one in its pool, and seconds until it is done, as predicted."""

    position: int
    eta_s: float


def backlog(
    waiting: Sequence[Job],
    running: Sequence[Job],
    capacity: Mapping[str, Pool],
    now: float,
    age_s: float = 120.0,
    most_s: float = inf,
    entered: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Any]:
    """The note admission, health and statistics read: work in step-seconds by pool, and the longest pool's wait.

    The wait is what one device after another would need for all that is ahead: it does not count on batches to pay. A
    pool without replicas starts one first. `ahead_s` is that wait by class, `longest_s` that of those whom a job of a
    class would hold up (`app.line.promise`), with the line given in order of urgency, `age_s` after which a job is
    lifted, and `most_s` that a job may wait. `entered` is the tally of what was let in, from before the line was read:
    whatever has been added to it since is not in the line.
    """
    names = {job.plan.pool for job in (*waiting, *running)} | set(capacity)
    rows: dict[str, dict[str, Any]] = {}
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
            "wait_s": round(_work_s(ahead, at_work, pool) / max(1, pool.replicas) + pool.start_s, 3),
            "ahead_s": ahead_s(ahead, at_work, pool, now, age_s),
            "longest_s": longest_s(ahead, _waits_s(ahead, at_work, pool), now, age_s, most_s),
        }
    return {
        "at": now,
        "jobs": len(waiting),
        "running": len(running),
        "step_seconds": round(sum(row["step_seconds"] for row in rows.values()), 3),
        "wait_s": max((row["wait_s"] for row in rows.values()), default=0.0),
        "pools": rows,
        "entered": dict(entered),
    }


def entry(job: Job) -> str:
    """The tally's field that a job is entered in."""
    return f"{job.plan.pool}/{job.priority}"


def turn_in(load: Mapping[str, Any], job: Job) -> float:
    """Seconds for which a new job will keep others from a device, by the backlog's note; see `turn_s`."""
    row = load.get("pools", {}).get(job.plan.pool, {})
    replicas = int(row.get("replicas", 0))
    return turn_s(job, Pool(int(row.get("slots", replicas + 1)), 0, replicas))


def entered_since(load: Mapping[str, Any], entered: Mapping[str, float], job: Job) -> float:
    """Seconds of work that was let in before this job, and after the backlog's note was written, and goes before it.

    `entered` is the tally with the job's own work in it already. Without a tally in the note there is none.
    """
    if "entered" not in load:
        return 0.0
    mine, work = PRIORITIES.get(job.priority, NORMAL), -turn_in(load, job)
    for name, total in entered.items():
        pool, _, priority = name.rpartition("/")
        if pool == job.plan.pool and PRIORITIES.get(priority, NORMAL) >= mine:
            work += total - load["entered"].get(name, 0.0)
    replicas = int(load.get("pools", {}).get(job.plan.pool, {}).get("replicas", 1))
    return max(0.0, work) / max(1, replicas)


def _work_s(waiting: Sequence[Job], at_work: Sequence[Job], pool: Pool) -> float:
    return sum(turn_s(job, pool) for job in waiting) + sum(turn_left_s(job, pool) for job in at_work)


def _waits_s(line: Sequence[Job], at_work: Sequence[Job], pool: Pool) -> dict[str, float]:
    """Seconds until each of one pool's line starts, most urgent first."""
    before_s, found = sum(turn_left_s(job, pool) for job in at_work), {}
    for job in line:
        found[job.id] = before_s / max(1, pool.replicas)
        before_s += turn_s(job, pool)
    return found


def wait_of(load: Mapping[str, Any], job: Job) -> float:
    """Seconds that a new job will wait, by the backlog's note, for its class in its pool."""
    row = load.get("pools", {}).get(job.plan.pool)
    if row is None:  # a pool that nobody has used yet, or an old note
        return 0.0 if "pools" in load else float(load.get("wait_s", 0.0))
    return float(row.get("ahead_s", {}).get(job.priority, row.get("wait_s", 0.0)))


def held_up_s(load: Mapping[str, Any], job: Job) -> float:
    """The longest wait, in seconds, of those whom this new job goes before, once it does."""
    row = load.get("pools", {}).get(job.plan.pool, {})
    longest = float(row.get("longest_s", {}).get(job.priority, 0.0))
    return longest + turn_in(load, job) / max(1, row.get("replicas", 1)) if longest else 0.0


def places(
    waiting: Sequence[Job], running: Sequence[Job], capacity: Mapping[str, Pool], limit: int = TOLD
) -> dict[str, Place]:
    """Places of the first `limit` of the line, which is given most urgent first, by job id."""
    count: Counter[str] = Counter()
    ahead_s: dict[str, float] = {}
    for job in running:
        ahead_s[job.plan.pool] = ahead_s.get(job.plan.pool, 0.0) + remaining(job)
    found = {}
    for job in waiting[:limit]:
        name, estimate = job.plan.pool, job.plan.estimate
        pool = capacity.get(name, Pool(0, 0, 0))
        before_s = ahead_s.get(name, 0.0)
        eta_s = before_s / max(1, pool.replicas) + pool.start_s + estimate.seconds
        found[job.id] = Place(count[name], round(eta_s, 2))
        count[name] += 1
        ahead_s[name] = before_s + estimate.step_seconds
    return found


def places_note(found: Mapping[str, Place], waiting: Sequence[Job], now: float) -> dict[str, Any]:
    """The places, for all who ask. `beyond`: where those of a pool stand at best who are waiting and not told."""
    told = Counter(job.plan.pool for job in waiting if job.id in found)
    beyond = {job.plan.pool: told[job.plan.pool] for job in waiting if job.id not in found}
    return {"at": now, "jobs": {job_id: list(place) for job_id, place in found.items()}, "beyond": beyond}


def place_in(note: Mapping[str, Any] | None, job_id: str) -> Place | None:
    """The job's place, when the note tells it."""
    row = (note or {}).get("jobs", {}).get(job_id)
    return None if row is None else Place(*row)


def place_behind(note: Mapping[str, Any] | None, load: Mapping[str, Any] | None, position: int, plan: Plan) -> Place:
    """The place of a job that the note does not tell, with so many waiting who came before it."""
    position = max(position, (note or {}).get("beyond", {}).get(plan.pool, 0))
    return Place(position, expected_s(load, position, plan))


def expected_s(load: Mapping[str, Any] | None, position: int, plan: Plan) -> float:
    """Seconds until a job at this place is done: its share of the pool's wait in the backlog, and its own time."""
    row = (load or {}).get("pools", {}).get(plan.pool, {})
    ahead = row.get("wait_s", 0.0) * min(1.0, (position + 1) / (row.get("jobs", 0) + 1))
    return round(float(ahead) + plan.estimate.seconds, 2)


def behind_all(load: Mapping[str, Any] | None, plan: Plan) -> int:
    """The position of a job that comes now, behind all that wait in its pool."""
    return int((load or {}).get("pools", {}).get(plan.pool, {}).get("jobs", 0))


def queue_news(found: Mapping[str, Place], told: Mapping[str, Place]) -> dict[str, Place]:
    """The places of those whose position is not the one they were told."""
    return {
        job_id: place
        for job_id, place in found.items()
        if job_id not in told or told[job_id].position != place.position
    }
