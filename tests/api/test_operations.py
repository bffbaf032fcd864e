"""Health, metrics, figures, models and documentation."""

from __future__ import annotations

import re
import time
from typing import Any

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import __version__
from app.api.health import health
from app.errors import ServiceUnavailable, StoreUnavailable
from app.jobs.board import BACKLOG
from app.telemetry import JOB_LATENCY, observed
from app.types import ReplicaInfo
from tests.api.house import House

pytestmark = pytest.mark.anyio


async def well() -> dict[str, Any]:
    return {"round_trip_ms": 0.2}


async def dead() -> dict[str, Any]:
    raise ServiceUnavailable("It does not answer.")


async def broken() -> dict[str, Any]:
    raise ConnectionError("redis://:secret@host")


async def silent() -> dict[str, Any]:
    await anyio.sleep_forever()
    return {}


@pytest.mark.parametrize(
    ("checks", "status", "word", "failing"),
    [
        ({"redis": well, "cache": well}, 200, "ok", []),
        ({"redis": well, "cache": dead}, 200, "degraded", ["cache"]),
        ({"redis": dead, "cache": well}, 503, "unavailable", ["redis"]),
        ({"redis": broken, "diffuser": dead}, 503, "unavailable", ["redis", "diffuser"]),
    ],
)
async def test_health_is_honest(checks: Any, status: int, word: str, failing: list[str]) -> None:
    async with House(checks).client() as client:
        response = await client.get("/health")
    body = response.json()
    assert (response.status_code, body["status"], body["failing"]) == (status, word, failing)
    assert "secret" not in response.text
    assert status == 200 or set(failing) <= {each.split(":")[0] for each in body["error"]["message"].split("; ")}


async def test_a_service_of_which_a_part_is_dead_is_alive_and_not_ready() -> None:
    async with House({"redis": dead, "cache": well}).client() as client:
        alive, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert ready.json()["error"]["message"] == "redis: It does not answer."


@pytest.mark.parametrize("address", ["/health", "/health/ready"])
async def test_a_pool_that_nobody_knows_is_not_ready(address: str) -> None:
    async with House({}).client() as client:
        answer = await client.get(address, params={"pool": ""})
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "diffuser: there is no pool  here")


async def test_a_silent_component_does_not_hold_up_the_others() -> None:
    began = time.monotonic()
    status, body = await health({"redis": well, "diffuser": silent, "finisher": silent}, timeout_s=0.05)
    assert time.monotonic() - began < 1
    assert (status, body["failing"]) == (503, ["diffuser", "finisher"])
    components: Any = body["components"]
    assert components["redis"] == {"ok": True, "round_trip_ms": 0.2}


async def samples(client: httpx.AsyncClient) -> dict[tuple[str, str], float]:
    """Values by name and labels."""
    page = (await client.get("/metrics")).text
    return {
        (sample.name, ",".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def test_metrics_count_what_happens(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await client.post(f"/v1/videos/{job['id']}/cancel")
    await house.meter.add({"a new-figure:x": 2})
    await house.jobs.announce(
        ReplicaInfo("r1", "main", "shapes", 8, 2, 0.1, time.time(), pressure="warning", device_memory=0.93), 60
    )
    scaled = {"replicas": 1, "wanted": 2, "because": "backlog", "why": "9.5 step-seconds of 4 jobs."}
    pool = {"jobs": 3, "running": 1, "step_seconds": 9.5, "wait_s": 4.0, **scaled}
    await house.board.put(BACKLOG, {"jobs": 3, "wait_s": 4.0, "pools": {"main": pool}}, 60)
    found = await samples(client)
    assert found["kinoray_up", ""] == 1
    assert found["kinoray_jobs_created_total", ""] == 1
    assert found["kinoray_jobs_ended_total", "cancelled"] == 1
    assert found["kinoray_cache_misses_total", "results"] == 1
    assert found["kinoray_a_new_figure_total", "x"] == 2
    assert found["kinoray_backlog_step_seconds", "main"] == 9.5
    assert (found["kinoray_pool_replicas", "main"], found["kinoray_pool_wanted_replicas", "main"]) == (1, 2)
    assert found["kinoray_scaling_reason", "backlog,main"] == 1
    assert found["kinoray_replica_slots", "shapes,main,r1"] == 8
    assert found["kinoray_replica_memory_level", "shapes,main,r1"] == 1
    assert found["kinoray_replica_memory_share", "device,shapes,main,r1"] == 0.93


async def test_metrics_tell_how_long_jobs_took(house: House, client: httpx.AsyncClient) -> None:
    for seconds in (0.4, 2.5, 2.6, 4000.0):
        await house.meter.add(observed(JOB_LATENCY, seconds, "high", "preview", "shapes"))
    found, of = await samples(client), "shapes,high,preview"
    bounds = ("0.5", "1", "2.5", "5", "3600", "+Inf")
    buckets = [found["kinoray_job_latency_seconds_bucket", f"{bound},{of}"] for bound in bounds]
    assert buckets == [1, 1, 2, 3, 3, 4]
    assert found["kinoray_job_latency_seconds_count", of] == 4
    assert found["kinoray_job_latency_seconds_sum", of] == pytest.approx(4005.5)
    assert found["kinoray_job_latency_seconds_count", "shapes,low,ultra"] == 0
    assert not [name for name, _ in found if name.startswith("kinoray_job_latency_total")]


async def test_metrics_of_an_idle_service_can_be_read(client: httpx.AsyncClient) -> None:
    assert (await samples(client))["kinoray_jobs_created_total", ""] == 0


async def test_metrics_say_when_the_store_is_gone(house: House, client: httpx.AsyncClient) -> None:
    house.meter.read = gone  # type: ignore[method-assign]
    assert (await samples(client))["kinoray_up", ""] == 0
    response = await client.get("/api/stats")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "store_unavailable")


async def gone() -> dict[str, float]:
    raise StoreUnavailable("Redis does not answer.")


async def test_stats_tell_what_was_saved(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    await client.post("/v1/videos", json={"prompt": "a red ball"})
    await house.meter.add({"steps_planned": 18, "steps_fixed_default": 50})
    stats = (await client.get("/api/stats")).json()
    assert stats["optimization"]["steps_saved_share"] == 0.64
    assert (stats["cache_stats"]["hits"], stats["cache_stats"]["hit_rate"]) == (1, 0.5)
    assert (stats["jobs"]["created"], stats["line"], stats["replicas"]) == (2, None, [])


async def test_stats_and_metrics_tell_each_cache_level() -> None:
    house = House(price_per_device_hour=2.0)
    await house.cache.put("results", "a", bytes(100), 60.0, worth=36.0)
    await house.cache.get("results", "a")
    await house.cache.get("embeddings", "none")
    async with house.client() as client:
        told = (await client.get("/api/stats")).json()["cache_stats"]
        found = await samples(client)
    row = told["levels"]["results"]
    assert (row["hits"], row["misses"], row["entries"], row["size_bytes"], row["hit_rate"]) == (1, 0, 1, 100, 1.0)
    assert (row["evictions"], row["near_evictions"], row["saved_step_seconds"], row["saved_money"]) == (
        0,
        0,
        36.0,
        0.02,
    )
    assert (told["healthy"], told["size_bytes"], told["saved_step_seconds"]) == (True, 100, 36.0)
    assert found["kinoray_cache_up", ""] == 1
    assert found["kinoray_cache_misses_total", "embeddings"] == 1
    assert found["kinoray_cache_saved_step_seconds_total", "results"] == 36.0
    assert found["kinoray_cache_saved_money_total", "results"] == 0.02
    assert found["kinoray_cache_evictions_total", "results"] == 0
    assert found["kinoray_price_per_device_hour", ""] == 2.0


async def test_without_a_price_nothing_is_said_of_money() -> None:
    house = House()
    await house.cache.put("results", "a", b"x", 60.0, worth=36.0)
    await house.cache.get("results", "a")
    async with house.client() as client:
        levels = (await client.get("/api/stats")).json()["cache_stats"]["levels"]
        assert levels["results"]["saved_money"] == 0.0
        assert "saved_money_total{" not in (await client.get("/metrics")).text


async def test_models_say_what_they_make(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()
    assert (listed["object"], [model["id"] for model in listed["data"]]) == ("list", ["shapes"])
    assert listed["data"][0]["sizes"] == ["64x64", "96x64"]
    assert (await client.get("/v1/models/sora-2")).json() == listed["data"][0]
    assert listed["data"][0]["tiers"]["preview"]["steps"] == [12, 13, 14, 15]
    for address in ("/v1/model_info", "/model_info"):
        told = (await client.get(address)).json()
        assert (told["model_path"], told["version"]) == ("shapes", __version__)
    response = await client.get("/v1/models/org/none")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


async def test_the_documentation_names_every_route(client: httpx.AsyncClient) -> None:
    page = (await client.get("/openapi.json")).json()
    body = page["paths"]["/v1/videos"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "multipart/form-data", "application/x-www-form-urlencoded"}
    assert "422" not in str(page["paths"])
    named = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(page)))
    assert (
        {"CreateVideo", "CreateVideoForm", "CreateVideoUpload"} <= named == named & set(page["components"]["schemas"])
    )
    assert str(page).count("'$ref'") == str(page).count("'$ref': '#/components/schemas/")
    assert len(page["paths"]) == 65
    assert (await client.get("/docs")).status_code == 200


async def test_the_documentation_needs_nothing_from_outside(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "://" not in page.replace("http://www.w3.org", "")
    assert (await client.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200
