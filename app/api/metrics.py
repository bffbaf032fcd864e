"""The Prometheus page: figures of all processes are read once for each scrape and written as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.api.routes.caches import CacheLevel, cache_levels
from app.errors import StoreUnavailable
from app.jobs.board import BACKLOG
from app.line.backlog import Backlog, backlog_from_note
from app.service.own_figures import of_all
from app.service.pools import PoolStatus
from app.service.videos import VideoService
from app.telemetry import (
    ARTIFACTS_REMOVED,
    ATTEMPTS_LOST,
    BEYOND,
    CACHE_HITS,
    CACHE_MISSES,
    CACHE_SAVED,
    DEVICE_SECONDS,
    EVALUATIONS,
    JOB_LATENCY,
    JOB_SECONDS,
    JOBS_CREATED,
    JOBS_ENDED,
    LATENCY_BOUNDS_S,
    STEP_SECONDS_SAVED,
    STEPS_FIXED,
    STEPS_PLANNED,
    TIERS,
    WEBHOOKS,
)
from app.types import ReplicaInfo

COUNTERS = {
    JOBS_CREATED: "Jobs accepted",
    JOBS_ENDED: "Jobs ended, by how",
    TIERS: "Jobs accepted, by tier",
    CACHE_HITS: "Answers from a cache, by level",
    CACHE_MISSES: "Questions a cache could not answer, by level",
    CACHE_SAVED: "Step-seconds that hits have saved",
    STEPS_PLANNED: "Planned evaluations of the denoiser of completed jobs",
    STEPS_FIXED: "Evaluations that full runs of the same jobs would have taken",
    STEP_SECONDS_SAVED: "Denoiser seconds spared by caches",
    DEVICE_SECONDS: "Device seconds of completed jobs",
    JOB_SECONDS: "Seconds from acceptance to the end, summed over jobs",
    EVALUATIONS: "Runs of the denoiser",
    ATTEMPTS_LOST: "Attempts whose replica went silent",
    WEBHOOKS: "Attempts to tell of a job's end, by outcome",
    ARTIFACTS_REMOVED: "Jobs whose files were removed, by reason",
}
LABELS = {JOBS_ENDED: "outcome", TIERS: "tier", WEBHOOKS: "outcome", ARTIFACTS_REMOVED: "reason"}
_OF_CACHES = (CACHE_HITS, CACHE_MISSES, CACHE_SAVED)

_POOL_GAUGES = {
    "jobs": ("kinoray_waiting_jobs", "Jobs in the line"),
    "running": ("kinoray_running_jobs", "Jobs being made"),
    "step_seconds": ("kinoray_backlog_step_seconds", "Denoiser seconds ahead, waiting and running"),
    "wait_s": ("kinoray_predicted_wait_seconds", "How long a new job would wait"),
    "replicas": ("kinoray_pool_replicas", "Replicas that take jobs"),
    "wanted": ("kinoray_pool_wanted_replicas", "Replicas that the scaling policy asks for"),
}
_REPLICA_GAUGES = {
    "slots": ("kinoray_replica_slots", "Most jobs the replica holds"),
    "running": ("kinoray_replica_running_jobs", "Jobs the replica holds"),
    "step_s": ("kinoray_replica_step_seconds", "Seconds of a guided step at the default shape"),
    "memory_bytes": ("kinoray_replica_memory_bytes", "Device memory in use"),
}
_PRESSURE = {"ok": 0, "warning": 1, "critical": 2}
_CACHE_GAUGES = {"entries": "Entries of a cache", "size_bytes": "Bytes of a cache, compressed"}
_CACHE_COUNTERS = {
    "hits": COUNTERS[CACHE_HITS],
    "misses": COUNTERS[CACHE_MISSES],
    "evictions": "Entries that left the shared tier for lack of room",
    "near_evictions": "Entries that left a memory in front for lack of room",
    "saved_step_seconds": COUNTERS[CACHE_SAVED],
    "saved_money": "The same at the price of a device; none without KINORAY_PRICE_PER_DEVICE_HOUR",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read for one scrape; `up`: whether the store answered."""

    up: bool
    figures: Mapping[str, float]
    backlog: Backlog | None
    replicas: Sequence[ReplicaInfo]
    caches: Mapping[str, CacheLevel]
    cache_up: bool
    price_per_device_hour: float | None = None
    pools: Sequence[PoolStatus] = ()


class ReadingCollector(Collector):
    """A reading as Prometheus metrics."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterable[Metric]:
        reading = self._reading
        yield GaugeMetricFamily("kinoray_up", "1 when the job store answered", value=float(reading.up))
        yield from _counters(reading.figures)
        yield _latency(reading.figures)
        if reading.price_per_device_hour is not None:
            about = "Money that one device costs for an hour"
            yield GaugeMetricFamily("kinoray_price_per_device_hour", about, value=reading.price_per_device_hour)
        pools = (reading.backlog or Backlog()).pools or {}
        for key, (name, about) in _POOL_GAUGES.items():
            rows = [(pool, getattr(row, key)) for pool, row in pools.items()]
            yield _gauge(name, about, ("pool",), [((pool,), value) for pool, value in rows if value is not None])
        yield from _tenants(reading.backlog or Backlog())
        yield from _pool_states(reading.pools)
        reasons = [((pool, row.because), 1.0) for pool, row in pools.items() if row.because is not None]
        yield _gauge("kinoray_scaling_reason", "What decided the replicas wanted", ("pool", "because"), reasons)
        who = {(replica.replica, replica.pool, replica.model): replica for replica in reading.replicas}
        for key, (name, about) in _REPLICA_GAUGES.items():
            yield _gauge(name, about, ("replica", "pool", "model"), [(of, getattr(who[of], key)) for of in who])
        yield from _memory_metrics(who)
        yield GaugeMetricFamily("kinoray_cache_up", "1 when the caches' Redis answers", value=float(reading.cache_up))
        yield from _cache_metrics(reading.caches, reading.price_per_device_hour is not None)


def _tenants(backlog: Backlog) -> Iterator[Metric]:
    """Their shares without their names, which are nobody's business here."""
    pools = backlog.pools or {}
    about = "Tenants that wait or run"
    yield _gauge(
        "kinoray_pool_tenants", about, ("pool",), [((pool,), len(row.tenants or ())) for pool, row in pools.items()]
    )
    new = {pool: row.newcomer.ahead_s for pool, row in pools.items() if row.newcomer is not None}
    about = "How long a new job of a tenant would wait that has nothing in the pool"
    rows = [((pool, priority), wait_s) for pool, waits in new.items() for priority, wait_s in waits.items()]
    yield _gauge("kinoray_newcomer_wait_seconds", about, ("pool", "priority"), rows)
    largest = max((use.share for use in (backlog.tenants or {}).values()), default=0.0)
    about = "The largest part of recent step-seconds that one tenant was given, 0 to 1"
    yield GaugeMetricFamily("kinoray_largest_tenant_share", about, value=largest)


def _pool_states(pools: Sequence[PoolStatus]) -> Iterator[Metric]:
    labels = ("pool", "model")
    about = "1 when the pool takes jobs, or would wake for one"
    yield _gauge("kinoray_pool_ready", about, labels, [((each.pool, each.model), each.ready) for each in pools])
    about = "1 when no replica is there because the last could not start"
    failed = [((each.pool, each.model), each.state == "failed") for each in pools]
    yield _gauge("kinoray_pool_start_failed", about, labels, failed)


def _memory_metrics(who: Mapping[tuple[str, str, str], ReplicaInfo]) -> Iterator[Metric]:
    labels = ("replica", "pool", "model")
    level = {of: _PRESSURE.get(replica.pressure, 0) for of, replica in who.items()}
    yield _gauge("kinoray_replica_memory_level", "0 ok, 1 nobody joins, 2 jobs make room", labels, level.items())
    shares = [((*of, "host"), replica.host_memory) for of, replica in who.items()]
    shares += [((*of, "device"), each.device_memory) for of, each in who.items() if each.device_memory is not None]
    yield _gauge("kinoray_replica_memory_share", "Share of a memory in use", (*labels, "memory"), shares)


def _cache_metrics(levels: Mapping[str, CacheLevel], priced: bool) -> Iterator[Metric]:
    for key, about in _CACHE_GAUGES.items():
        yield _gauge(
            f"kinoray_cache_{key}", about, ("level",), [((level,), getattr(row, key)) for level, row in levels.items()]
        )
    for key, about in _CACHE_COUNTERS.items():
        family = CounterMetricFamily(f"kinoray_cache_{key}", about, labels=["level"])
        for level, row in levels.items():
            if priced or key != "saved_money":
                family.add_metric([level], getattr(row, key))
        yield family


async def metrics(service: VideoService) -> bytes:
    """The page. A store that does not answer is told as `kinoray_up 0`, not as an error."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ReadingCollector(await _read(service)))
    return generate_latest(registry)


async def _read(service: VideoService) -> Reading:
    ports, price = service.ports, service.settings.price_per_device_hour
    held, cache_up = await ports.cache.figures(), await ports.cache.healthy()
    try:
        figures = of_all(await ports.meter.read())
        caches = cache_levels(held, figures, price)
        backlog = backlog_from_note(await ports.board.get(BACKLOG))
        pools = tuple((await service.pools.look()).values())
        return Reading(True, figures, backlog, await ports.jobs.replicas(), caches, cache_up, price, pools)
    except StoreUnavailable:
        return Reading(False, {}, None, (), cache_levels(held, {}, price), cache_up, price)


def _counters(figures: Mapping[str, float]) -> Iterator[Metric]:
    """One family for each figure's name; what follows its colon is the label."""
    families: dict[str, dict[str, float]] = {name: {} for name in COUNTERS if name not in _OF_CACHES}
    for figure, value in sorted(figures.items()):
        name, _, label = figure.partition(":")
        if name in _OF_CACHES or name == JOB_LATENCY:
            continue  # told elsewhere on the page
        families.setdefault(name, {})[label] = value
    for name, rows in families.items():
        label = LABELS.get(name, "kind" if any(rows) else "")
        about = COUNTERS.get(name, name.replace("_", " ").capitalize())
        family = CounterMetricFamily(f"kinoray_{_plain(name)}", about, labels=[label] if label else [])
        for value_of, value in (rows or ({} if label else {"": 0.0})).items():
            family.add_metric([value_of] if label else [], value)
        yield family


def _latency(figures: Mapping[str, float]) -> Metric:
    """Ended jobs by how long they took from acceptance, however they ended and whatever answered them."""
    count, buckets = 0.0, []
    for bound in (*(f"{bound:g}" for bound in LATENCY_BOUNDS_S), BEYOND):
        count += figures.get(f"{JOB_LATENCY}:{bound}", 0.0)
        buckets.append((bound, count))
    about = "Seconds from acceptance to the end of jobs"
    return HistogramMetricFamily("kinoray_job_latency_seconds", about, buckets, figures.get(JOB_SECONDS, 0.0))


def _gauge(name: str, about: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for label_values, value in rows:
        family.add_metric(label_values, float(value))
    return family


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", name.lower())
