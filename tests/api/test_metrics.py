"""The page of metrics: what is there before anything has happened, its protobuf form, and errors that are counted."""

from __future__ import annotations

import time
from io import BytesIO

import httpx
import pytest
from google.protobuf import proto
from prometheus_client.parser import text_string_to_metric_families

from app.api.exposition import PROTOBUF, _message_class
from app.jobs.board import BACKLOG, NODES
from app.telemetry import COST, ENERGY, JOB_LATENCY, figure, observed
from app.telemetry.table import TABLE, Metric
from app.types import Job, ReplicaInfo
from tests.api.house import House

pytestmark = pytest.mark.anyio
ASKS = {"accept": f"{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"}
SERVICE = {"model": ("shapes",), "tier": ("preview", "standard", "premium", "ultra"), "pool": ("main",)}


async def series(client: httpx.AsyncClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    page = (await client.get("/metrics")).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def first(metric: Metric) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    suffix = "_count" if metric.kind == "histogram" else ""
    rows = metric.series(SERVICE)
    return {(f"{metric.full_name}{suffix}", frozenset(zip(metric.label_names, of, strict=True))) for of in rows}


async def test_every_series_that_is_known_is_there_at_zero_from_the_start(client: httpx.AsyncClient) -> None:
    found = await series(client)
    counted = [metric for metric in TABLE if metric.figure and not metric.seldom]
    expected = set[tuple[str, frozenset[tuple[str, str]]]]().union(*map(first, counted))
    assert len(expected) > 200
    assert {each: found.get(each) for each in expected} == dict.fromkeys(expected, 0.0)


async def test_every_metric_of_the_table_can_be_seen_and_nothing_else(house: House) -> None:
    gpu = {"gpu_use": 0.9, "gpu_memory_bytes": 10, "gpu_memory_total_bytes": 20, "watts": 300.0, "device_memory": 0.5}
    replica = ReplicaInfo("r1", "main", "shapes", 8, 2, 0.1, time.time(), **gpu)  # type: ignore[arg-type]
    priced = House(price_per_device_hour=3.6)
    await priced.jobs.announce(replica, 60)
    await priced.board.put(
        BACKLOG,
        {"pools": {"main": {"wanted": 1, "because": "busy", "replicas": 1, "newcomer": {"ahead_s": {"normal": 1.0}}}}},
        60,
    )
    await priced.board.put(NODES, {"alive": 3, "lost": 1}, 60)
    async with priced.client() as client:
        made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
        await priced.run(made["id"])
        found = await series(client)
    names = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name, _ in found}
    assert names == {metric.full_name for metric in TABLE}
    for metric in TABLE:
        here = {frozenset(dict(of)) - {"le"} for name, of in found if name.startswith(metric.full_name)}
        assert frozenset(metric.label_names) in here, metric.name
    assert found["kinoray_nodes_lost_total", frozenset()] == 1
    assert (
        found["kinoray_replica_gpu_use", frozenset({"replica": "r1", "pool": "main", "model": "shapes"}.items())] == 0.9
    )
    assert found["kinoray_video_steps_done", frozenset({"video_id": made["id"], "pool": "main"}.items())] == 3


async def test_what_costs_nothing_says_nothing_of_money(client: httpx.AsyncClient, house: House) -> None:
    await house.meter.add({figure(COST, "preview", "shapes"): 0.0, figure(ENERGY, "preview", "shapes"): 7.0})
    names = {name for name, _ in await series(client)}
    assert "kinoray_energy_joules_total" in names
    assert not {"kinoray_cost_total", "kinoray_cache_saved_money_total", "kinoray_price_per_device_hour"} & names


async def test_jobs_under_way_are_named_only_as_many_as_the_setting_says() -> None:
    house = House(metrics_videos=0)
    async with house.client() as client:
        made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
        await house.run(made["id"])
        assert not [name for name, _ in await series(client) if name.startswith("kinoray_video_")]


async def test_a_prometheus_that_reads_native_histograms_is_given_them(client: httpx.AsyncClient, house: House) -> None:
    for seconds in (0.0, 1.0, 1.0, 30.0):
        await house.meter.add(observed(JOB_LATENCY, seconds, "high", "preview", "shapes"))
    answer = await client.get("/metrics", headers=ASKS)
    assert answer.headers["content-type"] == PROTOBUF
    family, body = _message_class("MetricFamily"), BytesIO(answer.content)
    told = {}
    while body.tell() < len(answer.content):
        one = proto.parse_length_prefixed(family, body)
        told[one.name] = one
    rows = told["kinoray_job_latency_seconds"].metric
    (filled,) = (each.histogram for each in rows if each.histogram.sample_count)
    assert (filled.sample_count, filled.sample_sum, filled.zero_count, filled.schema) == (4, 32.0, 1, 3)
    assert [bucket.cumulative_count for bucket in filled.bucket][:3] == [1, 3, 3]
    assert [(span.offset, span.length) for span in filled.positive_span] == [(0, 1), (39, 1)]
    assert list(filled.positive_delta) == [2, -1]
    assert len(rows) == 12
    assert told["kinoray_up"].metric[0].gauge.value == 1


@pytest.mark.parametrize(
    ("ask", "code", "fault"),
    [
        (("POST", "/v1/videos", {"promt": "x"}), "unknown_parameter", "client"),
        (("GET", "/v1/videos/video_0000000000000000", None), "video_not_found", "client"),
        (("GET", "/nothing", None), "not_found", "client"),
        (("PUT", "/health", None), "method_not_allowed", "client"),
        (("GET", "/v1/videos?limit=many", None), "invalid_request", "client"),
    ],
)
async def test_errors_are_counted_by_code(
    ask: tuple[str, str, object], code: str, fault: str, client: httpx.AsyncClient
) -> None:
    method, path, body = ask
    answer = await client.request(method, path, json=body)
    assert answer.json()["error"]["code"] == code
    labels = frozenset({"code": code, "fault": fault}.items())
    assert (await series(client))["kinoray_error_answers_total", labels] == 1


async def test_what_nobody_expected_is_counted_as_ours(client: httpx.AsyncClient, house: House) -> None:
    async def broken(*_: object) -> Job:
        raise RuntimeError("a fault")

    house.jobs.get = broken  # type: ignore[method-assign,assignment]
    assert (await client.get("/v1/videos/video_0000000000000000")).status_code == 500
    labels = frozenset({"code": "internal_error", "fault": "server"}.items())
    assert (await series(client))["kinoray_error_answers_total", labels] == 1
