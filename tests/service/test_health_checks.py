from __future__ import annotations

from dataclasses import replace

import pytest

from app.cache.memory import MemoryCache
from app.errors import KinorayError, ServiceUnavailable
from app.jobs.board import BACKLOG
from app.service.health_checks import NOTE_AGE_S, Pings, health_checks
from app.service.ports import Check
from app.settings import Settings
from app.stores import Stores, memory_stores
from tests.jobs.make import a_replica

pytestmark = pytest.mark.anyio


class Component:
    """One that answers, or does not."""

    def __init__(self, there: bool = True) -> None:
        self.there = there
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        if not self.there:
            raise ServiceUnavailable("It is not running.")


class Now:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def stores(now: Now) -> Stores:
    return memory_stores(Settings(), now, now)


def checks_of(stores: Stores, component: Component | None = None, asleep: bool = False) -> dict[str, Check]:
    ping = component or Component()
    return health_checks(stores, MemoryCache(2**20), Pings(ping, ping, ping), asleep)


async def trouble(check: Check) -> str:
    with pytest.raises(KinorayError) as error:
        await check()
    return error.value.message


async def test_what_answers_is_well(stores: Stores) -> None:
    checks = checks_of(stores)
    assert await checks["redis"]() == {"round_trip_ms": 0.0}
    assert await checks["artifacts"]() == {"place": "disk of one node"}
    assert [await checks[name]() for name in ("analyzer", "finisher", "cache")] == [{}, {}, {}]
    silent = checks_of(stores, Component(there=False))
    assert {await trouble(silent[name]) for name in ("analyzer", "dispatcher", "finisher")} == {"It is not running."}


async def test_a_dispatcher_is_well_while_it_writes_and_is_not_asked_then(stores: Stores, now: Now) -> None:
    component = Component()
    check = checks_of(stores, component)["dispatcher"]
    await stores.board.put(BACKLOG, {"at": now(), "jobs": 3, "running": 1}, 60.0)
    assert await check() == {"waiting": 3, "running": 1}
    assert component.asked == 0
    now.at += NOTE_AGE_S + 1.0
    assert "has not looked at the line lately" in await trouble(check)
    assert component.asked == 1


async def test_diffusers_are_counted_and_the_worst_memory_is_said(stores: Stores) -> None:
    for name, pressure in (("r1", "ok"), ("r2", "warning"), ("r3", "critical")):
        await stores.jobs.announce(replace(a_replica(name), pressure=pressure), 60.0)
    assert await checks_of(stores)["diffuser"]() == {"replicas": 3, "slots": 12, "memory": "critical"}


async def test_no_diffuser_is_fine_only_where_a_pool_may_sleep(stores: Stores) -> None:
    assert "No diffuser" in await trouble(checks_of(stores)["diffuser"])
    assert await checks_of(stores, asleep=True)["diffuser"]() == {"replicas": 0, "slots": 0, "asleep": True}
