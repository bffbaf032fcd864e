"""Prometheus watches a service while things go wrong: each alert fires under its fault and clears, panels have data.

Real are Prometheus, its scrapes and rules, the API, the Dispatcher, the replica with its engine, the Finisher and
Redis. The rules are the ones that are shipped, made for a world that runs 90 times faster: windows, `for`, cool-downs
and thresholds in seconds are all as much shorter. No GPU, no second node and no redis_exporter is on this machine: what
Ray, NVML and that exporter would say is fed, through a real endpoint or through the port that reads it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import anyio
import pytest

from app.dispatch.attempts import LATE_S
from app.engine.fake import RAISES
from app.telemetry import STORIES_CREATED, STORIES_ENDED, STORY_LATENCY, figure, observed
from cluster.alerts import alerts
from cluster.panels import DASHBOARDS
from tests.drills.prometheus import PROGRAM, Prometheus
from tests.drills.watched import QUICK_S, Watched

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.anyio,
    pytest.mark.skipif(PROGRAM is None, reason="Prometheus is not installed here"),
]
log = logging.getLogger(__name__)
TIMES = 90.0
FIRES_S, CLEARS_S = 90.0, 600.0  # a window of six hours lasts four minutes
OF_TIME = {
    *("KinorayDown", "NodeUnreachable", "KinoraySlowP50", "KinoraySlowP95", "KinorayQueueLong", "KinorayCostly"),
    *("KinorayPromisesBurnFast", "KinorayPromisesBurnSlow", "KinorayNothingCompleted"),
}
"""What a busy machine may set off in a world that runs so fast, and an idle one does not."""
Seen = Callable[[set[str]], Awaitable[None]]
Fault = Callable[[Watched, Seen], AbstractAsyncContextManager[None]]
_NUMBERS = count()


def fresh(words: str = "a red ball") -> str:
    """A prompt that nobody has asked for yet."""
    return f"{words} number {next(_NUMBERS)}"


async def some(watched: Watched, jobs: int, words: str = "a red ball", **fields: object) -> None:
    """So many new videos, to their ends."""
    answers = [await watched.ask(fresh(words), **fields) for _ in range(jobs)]
    await watched.ended(*answers)


@asynccontextmanager
async def going_on(work: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Something that is done again and again meanwhile."""

    async def again() -> None:
        while True:
            await work()

    task = asyncio.ensure_future(again())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ordinary(watched: Watched) -> None:
    """A mixed run in which nothing goes wrong: tiers and classes, repeats, the page, a job that gives way."""
    for tier in ("preview", "standard", "premium", "ultra"):
        prompt = fresh()
        for _ in range(2):  # made, then answered by the cache
            await watched.ended(await watched.ask(prompt, tier=tier))
    assert (await watched.client.post("/api/vitals", json={"LCP": 900, "INP": 90, "CLS": 0.02})).status_code == 204
    for _ in range(3):  # a film's end is counted by the store that closes it; there is nobody here who makes one
        film = {STORIES_CREATED: 1.0, figure(STORIES_ENDED, "completed"): 1.0, **observed(STORY_LATENCY, 3.0, "normal")}
        await watched.stores.meter.add(film)
        await some(watched, 2)
    watched.device.step_s = 0.05
    low = [await watched.ask(fresh(), tier="standard", priority="low") for _ in range(4)]
    high = await watched.ask(fresh(), priority="high")
    await watched.ended(high, *low)
    watched.device.step_s = QUICK_S
    await some(watched, 8)


@asynccontextmanager
async def jobs_that_fail(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    async with going_on(lambda: some(watched, 8, RAISES)):
        await seen({"KinorayErrors", "KinorayErrorCode", "KinorayAvailabilityBurnFast", "KinorayAvailabilityBurnSlow"})
        yield


@asynccontextmanager
async def a_device_that_stands_still(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    """Jobs wait longer than they were promised; the GPU, as it is fed, idles; then all of them start too late."""
    watched.device.held = True
    watched.ray.gpu_use.labels("0").set(3)
    held = [await watched.ask(fresh()) for _ in range(24)]
    late_at = time.monotonic() + max(answer.json()["promised_s"] for answer in held) + LATE_S + 2.0
    await seen({"DevicesIdle", "KinorayNothingCompleted"})
    await anyio.sleep(max(0.0, late_at - time.monotonic()))
    watched.device.held = False
    watched.ray.well()
    await watched.ended(*held)
    await seen({"KinorayPromisesBurnFast", "KinorayPromisesBurnSlow"})
    yield


@asynccontextmanager
async def a_device_that_is_slow(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    """Each video takes seconds, which are minutes at this pace, and the line grows."""
    watched.device.step_s = 0.25
    asked = [await watched.ask(fresh(), tier="standard") for _ in range(24)]
    await seen({"KinoraySlowP50", "KinoraySlowP95", "KinorayQueueLong", "KinorayCostly"})
    watched.device.step_s = QUICK_S
    await watched.ended(*asked)
    yield


@asynccontextmanager
async def replicas_that_die(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    watched.workers.dies = True
    asked = [await watched.ask(fresh()) for _ in range(2)]
    await seen({"KinorayAttemptsLost"})
    watched.workers.dies = False
    await watched.ended(*asked)
    yield


@asynccontextmanager
async def a_pool_that_cannot_start(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    await watched.fail_to_start()
    async with going_on(lambda: watched.ask(fresh(), model="words")):
        await seen({"KinorayPoolCannotStart", "KinorayAnswersFail"})
    assert (await watched.ask(fresh(), model="words")).json()["error"]["code"] == "model_unavailable"
    await watched.recover_start()
    yield


@asynccontextmanager
async def a_pool_without_a_place(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    """Its job says that nobody knows when it will be done; with the other pool gone, too, none is left."""
    watched.cluster.view = replace(watched.cluster.view, unplaced={"side": "4 GPUs on one node; 2 are there"})
    await seen({"KinorayPoolUnplaced"})
    waits = await watched.ask(fresh(), model="words")
    told = (await watched.client.get(f"/v1/videos/{waits.json()['id']}")).json()
    assert (told["status"], told.get("eta_s")) == ("queued", None)
    await watched.client.post(f"/v1/videos/{waits.json()['id']}/cancel")
    await watched.end_replica()
    await seen({"KinorayNoReplica", "KinorayPoolNotReady"})
    watched.cluster.view = replace(watched.cluster.view, unplaced={})
    await watched.begin_replica()
    yield


@asynccontextmanager
async def a_node_that_is_lost(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    watched.cluster.view = replace(watched.cluster.view, alive=1, lost=1)
    watched.ray.stop()
    await seen({"NodeLost", "NodeUnreachable"})
    watched.ray.start()
    yield


@asynccontextmanager
async def machines_that_are_full(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    ray = watched.ray
    ray.memory.set(95)
    ray.disk_free.set(3)
    ray.redis_used.set(95)
    ray.redis_up.set(0)
    ray.healthy.labels("kinoray", "Diffuser", "r1").set(0)
    ray.killed.labels("oom").inc()
    await seen(
        *(
            {
                "NodeOutOfMemory",
                "NodeDiskFull",
                "RedisNearlyFull",
                "RedisDown",
                "WorkersKilled",
                "KinorayReplicaUnhealthy",
            },
        )
    )
    ray.well()
    yield


@asynccontextmanager
async def no_redis(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    await asyncio.to_thread(watched.redis.stop)
    await seen({"KinorayStoreDown", "KinorayCachesDown"})
    await asyncio.to_thread(watched.redis.start)
    yield


@asynccontextmanager
async def no_service(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    await watched.stop_serving()
    await seen({"KinorayDown"})
    await watched.serve()
    yield


@asynccontextmanager
async def prompts_that_never_repeat(watched: Watched, seen: Seen) -> AsyncIterator[None]:
    async def ask_and_go() -> None:
        asked = await watched.ask(fresh())
        await watched.client.post(f"/v1/videos/{asked.json()['id']}/cancel")

    async with going_on(ask_and_go):
        await seen({"KinorayLowHitRate"})
    known = fresh()
    await watched.ended(await watched.ask(known))
    for _ in range(40):
        await watched.ask(known)
    yield


FAULTS: tuple[Fault, ...] = (
    # Shares are of all jobs of hours: those that come late before the many that come in time.
    *(a_device_that_stands_still, jobs_that_fail, a_device_that_is_slow, replicas_that_die, a_pool_that_cannot_start),
    *(a_pool_without_a_place, a_node_that_is_lost, machines_that_are_full, no_redis, no_service),
    prompts_that_never_repeat,
)


@pytest.mark.timeout(1500)
async def test_every_alert_fires_under_its_fault_and_clears_and_every_panel_has_data(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    await watched.start()
    prometheus = Prometheus(tmp_path / "prometheus", {"kinoray": watched.port, "ray": watched.ray.port}, TIMES)
    fired: dict[str, float] = {}
    silent: list[str] = []
    began = time.monotonic()

    async def note() -> set[str]:
        now = await prometheus.firing()
        for name in now - fired.keys():
            fired[name] = time.monotonic() - began
        return now

    async def seen(expected: set[str]) -> None:
        left = set(expected)  # whatever fired before this fault was made does not count
        with anyio.move_on_after(FIRES_S):
            while left:
                left -= await note()
                await anyio.sleep(0.2)
        silent.extend(sorted(left))

    try:
        await prometheus.ready()
        await ordinary(watched)
        await note()
        assert fired.keys() <= OF_TIME, "nothing is amiss, and a pool that is asleep by design is not"
        fired.clear()
        for fault in FAULTS:
            async with fault(watched, seen):
                pass
            log.info("%4.0f s after %s: %s", time.monotonic() - began, fault.__name__, sorted(fired))
        assert silent == []
        assert set(fired) == {alert.name for alert in alerts()}
        await cleared(prometheus, watched)
        await panels_have_data(prometheus)
    finally:
        await prometheus.close()
        await watched.close()


async def cleared(prometheus: Prometheus, watched: Watched) -> None:
    """All that fired stops by itself, with traffic going on."""
    known = fresh()
    left: set[str] = set()
    try:
        with anyio.fail_after(CLEARS_S):
            async with going_on(lambda: asyncio.gather(watched.ask(known), anyio.sleep(0.05))):
                while left := await prometheus.firing():
                    await anyio.sleep(1.0)
    except TimeoutError:
        raise AssertionError(f"{sorted(left)} did not clear") from None


async def panels_have_data(prometheus: Prometheus) -> None:
    queries = [
        (f"{name}: {panel.title}: {legend}", expression.replace("$__rate_interval", "10s").replace("$video", ".+"))
        for name, panels in DASHBOARDS.items()
        for panel in panels
        for expression, legend in panel.queries
    ]
    assert len(queries) > 90
    assert [title for title, expression in queries if not await prometheus.has_data(expression)] == []


async def test_a_prometheus_with_native_histograms_reads_them(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    await watched.start()
    targets = {"kinoray": watched.port, "ray": watched.ray.port}
    prometheus = Prometheus(tmp_path / "prometheus", targets, TIMES, "native-histograms")
    try:
        await prometheus.ready()
        known = fresh()
        async with going_on(lambda: watched.ask(known)):
            with anyio.fail_after(30):
                while not await prometheus.query(
                    "histogram_quantile(0.95, sum(rate(kinoray_job_latency_seconds[10s]))) < 5"
                ):
                    await anyio.sleep(0.2)
        counted = 'sum(histogram_count(kinoray_job_latency_seconds{tier="preview", priority="normal"}))'
        assert [float(row["value"][1]) > 3 for row in await prometheus.query(counted)] == [True]
    finally:
        await prometheus.close()
        await watched.close()
