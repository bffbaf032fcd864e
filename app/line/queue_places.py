"""Where each of those who wait stands, and when it will be done: measured from the line, told to all who ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from app.line.backlog import Backlog
from app.line.dispatch import Pool, remaining
from app.line.wait_estimates import expected_s
from app.types import Job

TOLD = 200  # so many of a pool's line are told their place
POOL_STARTING = "pool_starting"  # its pool has no replica, and one comes
NO_REPLICA = "no_replica"  # nor does anybody know when there will be one
OLDER_REPLICAS = "older_replicas"  # some of its pool's are too old for it, and give way to newer ones


class Place(NamedTuple):
    """Jobs that go before this one in its pool, and seconds until it is done, as predicted.

    None: its pool has no replica, or not only such as can take it, and nobody knows when that will be otherwise.
    `reason` is what it waits for besides.
    """

    position: int
    eta_s: float | None
    reason: str | None = None  # POOL_STARTING, NO_REPLICA, OLDER_REPLICAS; None: for those before it alone


@dataclass(frozen=True, slots=True)
class QueuePlaces:
    """The places at a moment, of all tenants' jobs: never shown whole."""

    at: float = 0.0  # Unix seconds, by the clock of the stores
    jobs: Mapping[str, Place] = field(default_factory=dict)  # by job id, of the first of each pool's line
    beyond: Mapping[str, int] = field(default_factory=dict)  # by pool: the best position of those who are not told


_PLACES = TypeAdapter(QueuePlaces)


def queue_places(
    waiting: Sequence[Job], running: Sequence[Job], capacity: Mapping[str, Pool], now: float, limit: int = TOLD
) -> QueuePlaces:
    """The places of the first `limit` of each pool's line; the line is given most urgent first, pool by pool or not."""
    told: Counter[str] = Counter()
    beyond: dict[str, int] = {}
    ahead_s: dict[str, float] = {}
    for job in running:
        ahead_s[job.plan.pool] = ahead_s.get(job.plan.pool, 0.0) + remaining(job)
    found = {}
    for job in waiting:
        name, estimate = job.plan.pool, job.plan.estimate
        if told[name] == limit:
            beyond[name] = limit
            continue
        pool = capacity.get(name, Pool(0, 0, 0))
        before_s = ahead_s.get(name, 0.0)
        eta_s = before_s / max(1, pool.replicas) + pool.start_s + estimate.seconds
        reason = _besides(job, pool)
        foreseen = pool.foreseen and reason != OLDER_REPLICAS
        found[job.id] = Place(told[name], round(eta_s, 2) if foreseen else None, reason)
        told[name] += 1
        ahead_s[name] = before_s + estimate.step_seconds
    return QueuePlaces(now, found, beyond)


def _besides(job: Job, pool: Pool) -> str | None:
    if not pool.replicas:
        return POOL_STARTING if pool.foreseen else NO_REPLICA
    return OLDER_REPLICAS if job.id in pool.shut_to else None


def places_to_note(places: QueuePlaces) -> dict[str, object]:
    """The record as JSON values."""
    jobs = {job_id: list(place if place.reason else place[:2]) for job_id, place in places.jobs.items()}
    return {"at": places.at, "jobs": jobs, "beyond": dict(places.beyond)}


def places_from_note(note: Mapping[str, object] | None) -> QueuePlaces:
    """The record of a note; without one, or of one that makes no sense, nobody has a place."""
    try:
        return QueuePlaces() if note is None else _PLACES.validate_python(note)
    except ValidationError:
        return QueuePlaces()


def place_behind(places: QueuePlaces, backlog: Backlog | None, position: int, job: Job) -> Place:
    """The place of a job that is not told one, with so many waiting who came before it.

    One that came after the places were told stands where the next of its tenant and class does.
    """
    plan, priority, reason = job.plan, job.priority, None
    row = (backlog or Backlog()).pool(plan.pool)
    foreseen, waits = backlog is None or backlog.foreseen(plan.pool), row.waits_of(job.tenant)
    if backlog is not None and plan.pool in (backlog.pools or {}) and not row.replicas:
        reason = POOL_STARTING if foreseen else NO_REPLICA
    if waits is not None and job.created_at > places.at and priority in waits.ahead:
        eta_s = round(waits.ahead_s.get(priority, row.wait_s) + plan.estimate.seconds, 2)
        return Place(min(position, waits.ahead[priority]), eta_s if foreseen else None, reason)
    position = max(position, places.beyond.get(plan.pool, 0))
    return Place(position, expected_s(backlog, position, plan) if foreseen else None, reason)


def queue_news(places: Mapping[str, Place], told: Mapping[str, Place]) -> dict[str, Place]:
    """The places, by job id, of those whose position or reason is not what they were told, or whose end is foreseen."""
    return {
        job_id: place
        for job_id, place in places.items()
        if job_id not in told
        or (told[job_id].position, told[job_id].reason) != (place.position, place.reason)
        or (told[job_id].eta_s is None) != (place.eta_s is None)
    }
