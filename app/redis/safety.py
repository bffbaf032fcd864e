"""Looks at a Redis before jobs are entrusted to it: one that may throw keys away to save memory is refused."""

from __future__ import annotations

from collections.abc import Mapping

from app.errors import UnsafeStore
from app.redis.connection import Client, bounded

SAFE_POLICY = "noeviction"


def danger(memory: Mapping[str, str | int | float]) -> str | None:
    """Why jobs could be lost in a Redis whose `INFO memory` says this; None: they cannot.

    Job records have no time to live while they wait and run, but one after they end, and so have checkpoints and
    events: the volatile-* policies throw them away too. The policy is the server's, not a database's; so caches that
    are to be evicted by Redis itself need another server.
    """
    most, policy = int(memory.get("maxmemory", 0)), str(memory.get("maxmemory_policy", SAFE_POLICY))
    if most == 0 or policy == SAFE_POLICY:
        return None
    return (
        f"This Redis may lose jobs: with maxmemory-policy {policy} it throws them away when it is full. "
        f"Set `maxmemory-policy {SAFE_POLICY}` (Kinoray's caches then make room themselves), "
        "and give a Redis that evicts to the caches alone with KINORAY_CACHE_REDIS_URL."
    )


async def refuse_what_loses_jobs(redis: Client) -> None:
    """Ask the server, once.

    Raises:
        UnsafeStore: it may throw jobs away; the message says what to set.
        StoreUnavailable: it does not answer.
    """
    why = danger(await bounded(redis.info("memory"), redis.timeout_s))
    if why is not None:
        raise UnsafeStore(why)
