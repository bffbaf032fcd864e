"""How each component is: one check by name, each of which says facts when it is well and raises when it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.cache.store import ByteCache
from app.errors import ServiceUnavailable
from app.jobs.board import BACKLOG, DIRECTOR, Board
from app.jobs.clock import Clock
from app.jobs.outbox import Outbox
from app.jobs.store import JobStore
from app.line.backlog import backlog_from_note
from app.service.pools import PoolStatus, PoolWatch, why_not
from app.service.ports import Check

LATE_S = 120.0  # what should have been told so long ago is late
STALLED_S = 15.0  # a director that has not looked for so long has stalled
NOTE_AGE_S = 8.0  # a dispatcher that has not written for longer is not well

Ping = Callable[[], Awaitable[None]]
"""Raises ServiceUnavailable when the component does not answer."""


class CheckedStores(Protocol):
    """The stores that the checks look at."""

    @property
    def jobs(self) -> JobStore: ...
    @property
    def board(self) -> Board: ...
    @property
    def artifacts(self) -> ArtifactStore: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True, slots=True)
class Pings:
    """The components that are asked whether they answer."""

    analyzer: Ping
    dispatcher: Ping
    finisher: Ping


def health_checks(stores: CheckedStores, cache: ByteCache, pings: Pings, pools: PoolWatch) -> dict[str, Check]:
    """A check for each component."""
    return {
        "redis": partial(redis, stores),
        "artifacts": partial(artifacts, stores),
        "analyzer": partial(answers, pings.analyzer),
        "dispatcher": partial(dispatcher, stores, pings.dispatcher),
        "diffuser": partial(diffusers, pools),
        "finisher": partial(answers, pings.finisher),
        "cache": partial(caches, cache),
        "webhooks": partial(webhooks, stores),
        "storyboards": partial(storyboards, stores),
    }


async def redis(stores: CheckedStores) -> Mapping[str, object]:
    return {"round_trip_ms": round(1000 * await stores.jobs.ping(), 2)}


async def artifacts(stores: CheckedStores) -> Mapping[str, object]:
    await stores.artifacts.check()
    return {"place": "disk of one node" if stores.artifacts.local else "shared store"}


async def answers(ping: Ping) -> Mapping[str, object]:
    await ping()
    return {}


async def dispatcher(stores: CheckedStores, ping: Ping) -> Mapping[str, object]:
    """Well is one that has written lately, whether or not it finds time to answer."""
    backlog = backlog_from_note(await stores.board.get(BACKLOG))
    await stores.clock.sync()
    if backlog is None or stores.clock() - backlog.at > NOTE_AGE_S:
        await ping()
        raise ServiceUnavailable("The dispatcher answers but has not looked at the line lately.")
    return {"waiting": backlog.jobs, "running": backlog.running}


async def diffusers(watch: PoolWatch) -> Mapping[str, object]:
    """The pools; `error` says which take no jobs and why, and `partial` that others do."""
    pools = await watch.look()
    lacking = [status for status in pools.values() if not status.ready]
    why = "; ".join(why_not(status) for status in lacking)
    partly = bool(lacking) and len(lacking) < len(pools)
    if lacking and not partly:
        why = f"No diffuser replica is running. {why}"
    facts: dict[str, object] = {
        "replicas": sum(status.replicas for status in pools.values()),
        "slots": sum(status.slots for status in pools.values()),
        "memory": min((status.memory for status in pools.values() if status.memory != "ok"), default="ok"),
        "pools": {name: facts_of(status) for name, status in pools.items()},
    }
    if all(status.state == "asleep" for status in pools.values()):
        facts["asleep"] = True  # the next job wakes a pool
    return {**facts, "error": why, "partial": partly} if why else facts


def facts_of(status: PoolStatus) -> dict[str, object]:
    """A pool as health and the statistics show it."""
    facts = asdict(status)
    del facts["pool"]
    return {"ready": status.ready, **{name: value for name, value in facts.items() if value is not None}}


async def caches(cache: ByteCache) -> Mapping[str, object]:
    if not await cache.healthy():
        raise ServiceUnavailable("The cache does not answer; repeats are made anew.")
    return {}


async def storyboards(stores: CheckedStores) -> Mapping[str, object]:
    """The director's last look for storyboards that are due: any Router's counts, since any goes on with any."""
    await stores.clock.sync()
    note = await stores.board.get(DIRECTOR)
    at = (note or {}).get("at")
    if not isinstance(at, (int, float)):
        raise ServiceUnavailable("No director has looked for storyboards yet, or for an hour.")
    age_s = round(max(0.0, stores.clock() - at), 1)
    facts = {"looked_s_ago": age_s, "director": "ok" if age_s <= STALLED_S else "stalled"}
    return facts if age_s <= STALLED_S else facts | {"error": f"Nobody has looked for storyboards for {age_s:.0f} s."}


async def webhooks(stores: CheckedStores) -> Mapping[str, object]:
    """The outbox; `error` says how many ends and notifications nobody has taken out of it though they are due."""
    await stores.clock.sync()
    waiting, late = await stores.outbox.count(), await stores.outbox.due_before(stores.clock() - LATE_S)
    why = f"{late} webhooks should have been sent {LATE_S:.0f} s ago."
    return {"waiting": waiting, **({"error": why, "partial": True} if late else {})}
