"""Where a change to a job is written: the keys that its script is given, in order."""

from __future__ import annotations

from app.jobs.record import check_id
from app.jobs.redis.scripts import Keys


def change_keys(keys: Keys, job_id: str) -> list[str]:
    """The keys of `scripts.CHANGE`."""
    places = [keys.job(check_id(job_id)), keys.line, keys.leases, keys.ended, keys.wake, keys.checkpoint(job_id)]
    places += [keys.unresolved, keys.open, keys.running, keys.blocked, keys.unreleased]
    places += [keys.awaited(job_id), keys.dependants(job_id), keys.outbox]
    return [*places, keys.quotas, keys.spent("")]  # of the latter, a script adds the tenant
