from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from app.cache.memory import MemoryCache
from app.errors import KinorayError, ServiceUnavailable
from app.jobs.board import BACKLOG, DIRECTOR
from app.service.health_checks import NOTE_AGE_S, STALLED_S, Pings, health_checks
from app.service.pools import DIFFUSER, PoolWatch, StartNote, failure_name
from app.service.ports import Check
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import ModelProfile
from tests.api.house import MODEL
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


def checks_of(
    stores: Stores,
    component: Component | None = None,
    asleep: bool = False,
    models: tuple[ModelProfile, ...] = (MODEL,),
) -> dict[str, Check]:
    ping, settings = component or Component(), Settings(replicas={"main": (0, 1)} if asleep else {})
    watch = PoolWatch(models, settings, stores.jobs, stores.board)
    return health_checks(stores, MemoryCache(2**20), Pings(ping, ping, ping), watch)


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
    facts = await checks_of(stores)["diffuser"]()
    assert (facts["replicas"], facts["slots"], facts["memory"], facts.get("error")) == (3, 12, "critical", None)


async def test_no_diffuser_is_fine_only_where_a_pool_may_sleep(stores: Stores) -> None:
    nobody = await checks_of(stores)["diffuser"]()
    assert "No diffuser" in str(nobody["error"])
    assert not nobody["partial"]
    facts = await checks_of(stores, asleep=True)["diffuser"]()
    assert (facts["replicas"], facts["slots"], facts["asleep"], facts.get("error")) == (0, 0, True, None)


async def test_a_pool_without_a_replica_is_told_beside_one_that_has_one(stores: Stores) -> None:
    await stores.jobs.announce(a_replica(), 60.0)
    failed = asdict(StartNote(1000.0, "words", "r2", "words: the LoRA style cannot be read", True))
    await stores.board.put(failure_name("words", DIFFUSER), failed, 60.0)
    facts = await checks_of(stores, models=(MODEL, replace(MODEL, id="words", pool="words")))["diffuser"]()
    assert facts["error"] == "The pool words cannot start: words: the LoRA style cannot be read"
    assert facts["partial"]
    pools: Any = facts["pools"]
    assert [(pools[name]["ready"], pools[name]["state"]) for name in ("main", "words")] == [
        (True, "ready"),
        (False, "failed"),
    ]


async def test_storyboards_are_well_as_long_as_any_director_looks(stores: Stores, now: Now) -> None:
    check = checks_of(stores)["storyboards"]
    with pytest.raises(ServiceUnavailable, match="looked"):
        await check()
    await stores.board.put(DIRECTOR, {"at": now.at}, 3600.0)
    now.at += STALLED_S
    assert await check() == {"looked_s_ago": STALLED_S, "director": "ok"}
    now.at += 1.0
    stalled = await check()
    assert (stalled["director"], "16 s" in str(stalled["error"])) == ("stalled", True)
