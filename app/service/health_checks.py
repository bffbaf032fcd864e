"""How each component is: one check by name, each of which says facts when it is well and raises when it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.cache.store import ByteCache
from app.errors import ServiceUnavailable
from app.jobs.board import BACKLOG, Board
from app.jobs.clock import Clock
from app.jobs.store import JobStore
from app.line.backlog import backlog_from_note
from app.service.ports import Check

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
    def clock(self) -> Clock: ...


@dataclass(frozen=True, slots=True)
class Pings:
    """The components that are asked whether they answer."""

    analyzer: Ping
    dispatcher: Ping
    finisher: Ping


def health_checks(stores: CheckedStores, cache: ByteCache, pings: Pings, asleep: bool) -> dict[str, Check]:
    """A check for each component; `asleep`: a pool may have no replica until the next job wakes it."""
    return {
        "redis": partial(redis, stores),
        "artifacts": partial(artifacts, stores),
        "analyzer": partial(answers, pings.analyzer),
        "dispatcher": partial(dispatcher, stores, pings.dispatcher),
        "diffuser": partial(diffusers, stores, asleep),
        "finisher": partial(answers, pings.finisher),
        "cache": partial(caches, cache),
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


async def diffusers(stores: CheckedStores, asleep: bool) -> Mapping[str, object]:
    replicas = await stores.jobs.replicas()
    if not replicas and asleep:
        return {"replicas": 0, "slots": 0, "asleep": True}  # the next job wakes a pool
    if not replicas:
        raise ServiceUnavailable("No diffuser replica is running.")
    short = sorted({replica.pressure for replica in replicas} - {"ok"})
    facts = {"replicas": len(replicas), "slots": sum(replica.slots for replica in replicas)}
    return {**facts, "memory": short[0] if short else "ok"}  # "critical" sorts before "warning"


async def caches(cache: ByteCache) -> Mapping[str, object]:
    if not await cache.healthy():
        raise ServiceUnavailable("The cache does not answer; repeats are made anew.")
    return {}
