"""Looks at a Redis before jobs are entrusted to it: one that may throw keys away, or lacks replicas, is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from redis.exceptions import ResponseError

from app.errors import NoReplica, UnsafeStore
from app.redis.connection import Client, bounded

SAFE_POLICY = "noeviction"
ALWAYS = "always"
REPLICAS_WITHIN_S = 10.0  # servers that start together find each other in that time
LOOK_S = 0.2


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


def forgetful(persistence: Mapping[str, Any], fsync: str = ALWAYS) -> str | None:
    """What is lost with a Redis whose `INFO persistence` and `appendfsync` say this; None: it writes all down at once.

    No refusal: a Redis that somebody else runs may keep its data in replicas instead.
    """
    if not int(persistence.get("aof_enabled", 1)):
        return (
            "This Redis writes no append-only file: when it stops, jobs that it had accepted are gone. "
            "Set `appendonly yes` and `appendfsync always`, unless its replicas keep them."
        )
    if fsync != ALWAYS:
        return (
            f"This Redis writes with `appendfsync {fsync}`: killed while its disk is busy, it forgets jobs of the last "
            "seconds that it had accepted. Set `appendfsync always`, unless its replicas keep them."
        )
    return None


def lacking(replication: Mapping[str, Any], needed: int) -> str | None:
    """Why nothing can be accepted as replicated where `INFO replication` says this; None: it can."""
    replicas = [each for name, each in replication.items() if name.startswith("slave") and isinstance(each, Mapping)]
    up = sum(each.get("state") == "online" for each in replicas)
    if up >= needed:
        return None
    found = "has no replica" if not replicas else f"has {up} of {needed} replicas in step"
    return (
        f"KINORAY_DURABILITY=replicated asks for {needed} other Redis to have each job before it is accepted, and this "
        f"one {found}. Start one with `replicaof` (cluster/compose.sentinel.yaml shows how), or set "
        "KINORAY_DURABILITY=local and accept that a job of the last moment is lost with its machine."
    )


async def refuse_what_loses_jobs(redis: Client, within_s: float = REPLICAS_WITHIN_S) -> str | None:
    """Ask the server, and, where the client asks for replicas, again for up to `within_s` until they are there.

    Returns what its operator is to hear of it nevertheless.

    Raises:
        NoReplica: writes are to be replicated, and are not; the message says what to do.
        UnsafeStore: it may throw jobs away, or is itself a replica; the message says what to set.
        StoreUnavailable: it does not answer.
    """
    why = danger(await bounded(redis.info("memory"), redis.timeout_s))
    if why is not None:
        raise UnsafeStore(why)
    end = time.monotonic() + within_s
    while redis.replicas is not None:
        replication: Any = await bounded(redis.info("replication"), redis.timeout_s)
        if replication["role"] != "master":
            master = f"{replication.get('master_host')}:{replication.get('master_port')}"
            raise UnsafeStore(f"This Redis is a replica of {master}, and takes no jobs: name its master or sentinels.")
        why = lacking(replication, redis.replicas.needed)
        if why is None:
            break
        if time.monotonic() > end:
            raise NoReplica(why)
        await asyncio.sleep(LOOK_S)
    return forgetful(await bounded(redis.info("persistence"), redis.timeout_s), await _fsync(redis))


async def _fsync(redis: Client) -> str:
    """Its `appendfsync`. Those that others run may not tell: nothing is said against them then."""
    try:
        told = await bounded(redis.config_get("appendfsync"), redis.timeout_s)
    except ResponseError:
        return ALWAYS
    return told.get("appendfsync") or ALWAYS
