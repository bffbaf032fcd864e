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


def delete_keys(keys: Keys, job_id: str, tenant: str) -> list[str]:
    """The keys of `scripts.DELETE`."""
    return [*change_keys(keys, job_id), keys.tenant(tenant), keys.cursor(job_id), *mark_keys(keys, tenant)]


def mark_keys(keys: Keys, tenant: str) -> list[str]:
    """Where a tenant's marks are found by: its tags, its favourites, and what the names of lists by tag begin with."""
    return [keys.tags(tenant), keys.favourites(tenant), keys.of("tagged", "")]
