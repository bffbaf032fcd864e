"""/health with since, why and score; the last hour and its forecast; what was mended: for those who may see it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from app.errors import ServiceUnavailable
from app.health.recoveries import Cause, Signal
from app.health.samples import PoolSample, Sample
from app.service.health_checks import webhooks
from app.settings import Settings
from app.stores import memory_stores
from tests.api.house import House

pytestmark = pytest.mark.anyio
PATHS = ("/api/health/trends", "/api/recoveries")
OPERATED: dict[str, Any] = {"api_keys": {"boss": "b" * 32, "ann": "a" * 32}, "operators": ["boss"]}


async def well() -> dict[str, Any]:
    return {}


async def dead() -> dict[str, Any]:
    raise ServiceUnavailable("It does not answer.")


async def half() -> dict[str, Any]:
    pools = {
        "main": {"ready": True, "memory": "warning"},
        "words": {"ready": False, "error": "No room."},
        "more": {"ready": False, "leaving": 2},
    }
    return {"error": "The pool words cannot start: No room.", "partial": True, "pools": pools}


async def test_each_component_and_pool_has_a_status_since_when_and_why() -> None:
    house = House({"redis": well, "diffuser": half, "cache": dead})
    began = house.service.now()
    async with house.client() as client:
        body = (await client.get("/health")).json()
        again = (await client.get("/health")).json()
    parts = body["components"]
    assert {name: (row["status"], row["why"]) for name, row in parts.items()} == {
        "redis": ("ok", None),
        "diffuser": ("degraded", "The pool words cannot start: No room."),
        "cache": ("down", "It does not answer."),
    }
    pools = parts["diffuser"]["pools"]
    assert [pools[name]["status"] for name in ("main", "words", "more")] == ["degraded", "down", "down"]
    assert ("Memory" in pools["main"]["why"], pools["words"]["why"]) == (True, "No room.")
    assert pools["more"]["why"] == "All its replicas are leaving."
    assert parts["redis"]["since"] > began
    assert again["components"]["redis"]["since"] == parts["redis"]["since"]
    assert (body["score"], [(each["component"], each["points"]) for each in body["lost"]]) == (
        60,
        [("diffuser", 30), ("cache", 10)],
    )


async def test_a_component_that_breaks_is_so_since_a_probe_saw_it() -> None:
    checks: dict[str, Any] = {"redis": well, "cache": well}
    house = House(checks)
    async with house.client() as client:
        first = (await client.get("/health")).json()["components"]["cache"]["since"]
        house.app.state.checks["cache"] = dead
        await client.get("/health/ready")
        seen = house.service.now()
        found = (await client.get("/health")).json()["components"]["cache"]
    assert first < found["since"] < seen


async def test_a_service_that_cannot_make_videos_scores_next_to_nothing() -> None:
    async with House({"redis": dead, "cache": well}).client() as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()["score"]) == (503, 0)


async def test_trends_have_the_last_hour_and_a_forecast_in_a_sentence() -> None:
    house = House(max_wait_s=600.0)
    now = house.service.now()
    for minute in range(11):
        work = 100.0 + 30.0 * minute
        pools = {"main": PoolSample(work, work, 1)}
        await house.service.ports.samples.keep(
            Sample(now - 60.0 * (10 - minute), minute, 1, work, work, 1, completed=2.0 * minute, pools=pools)
        )
    async with house.client() as client:
        answer = await client.get("/api/health/trends")
    body = answer.json()
    assert (len(body["minutes"]), body["minutes"][-1]["videos_per_minute"]) == (11, pytest.approx(2.0))
    assert body["forecast"]["sentence"] == "The line grows by 0.5 step-seconds a second; full in 7 minutes."
    assert body["forecast"]["full_in_s"] == pytest.approx(400.0, abs=5)
    assert answer.headers["cache-control"] == "no-store"


async def test_without_samples_there_is_no_forecast() -> None:
    async with House().client() as client:
        assert (await client.get("/api/health/trends")).json() == {"minutes": [], "forecast": None}


async def test_what_was_mended_is_told_with_its_meaning_and_how_often_it_was() -> None:
    house = House()
    for at in (1.0, 2.0, 3.0):
        signal = Signal(Cause.LEASE_LOST, "main", "happened", "Attempt 1 was lost.", at)
        await house.service.ports.recoveries.record(signal)
    async with house.client() as client:
        body = (await client.get("/api/recoveries", params={"limit": 5})).json()
        refused = await client.get("/api/recoveries", params={"limit": 0})
    [event], [tally] = body["events"], body["tallies"]
    assert (event["cause"], event["change"], event["done"]) == (
        "lease_lost",
        "happened",
        "The job goes on from its last checkpoint.",
    )
    assert (tally["count"], tally["untold"], tally["first_at"], tally["last_at"]) == (3, 2, 1.0, 3.0)
    assert refused.status_code == 400


@pytest.mark.parametrize("path", PATHS)
async def test_only_operators_see_what_is_everyones(path: str) -> None:
    async with House(**OPERATED).client() as client:
        statuses = [
            (await client.get(path, headers={"authorization": f"Bearer {key * 32}"})).status_code for key in "ba"
        ]
        nobody = await client.get(path)
    assert (statuses, nobody.status_code) == ([200, 403], 401)


async def test_a_webhook_that_nobody_sends_makes_the_outbox_unwell() -> None:
    stores = memory_stores(Settings())
    assert await webhooks(stores) == {"waiting": 0}
    stores.outbox.enter("notice_a_1", time.time() - 60.0)  # type: ignore[attr-defined]
    assert await webhooks(stores) == {"waiting": 1}
    stores.outbox.enter("notice_a_2", time.time() - 200.0)  # type: ignore[attr-defined]
    found = await webhooks(stores)
    assert (found["waiting"], found["partial"]) == (2, True)
    assert found["error"] == "1 webhooks should have been sent 120 s ago."
