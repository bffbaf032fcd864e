"""What is read for one scrape beside the meter's sums: line, pools, replicas, caches and jobs under way, as rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from app.api.routes.caches import CacheLevel, cache_levels
from app.errors import StoreUnavailable
from app.jobs.board import BACKLOG, NODES
from app.jobs.store import find
from app.line.backlog import Backlog, backlog_from_note
from app.plan.tiers import TIERS
from app.service.own_figures import of_all
from app.service.pools import PoolStatus
from app.service.videos import VideoService
from app.types import Job, ReplicaInfo

Labels: TypeAlias = tuple[str, ...]
Rows: TypeAlias = dict[str, dict[Labels, float]]
Known: TypeAlias = dict[str, tuple[str, ...]]
Read: TypeAlias = tuple[Mapping[str, float], Rows, Known]

_PRESSURE = {"ok": 0, "warning": 1, "critical": 2}
_OF_POOL = {
    "waiting_jobs": "jobs",
    "running_jobs": "running",
    "backlog_step_seconds": "step_seconds",
    "predicted_wait_seconds": "wait_s",
    "pool_replicas": "replicas",
    "pool_wanted_replicas": "wanted",
}
_OF_REPLICA = {
    "replica_slots": "slots",
    "replica_running_jobs": "running",
    "replica_step_seconds": "step_s",
    "replica_memory_bytes": "memory_bytes",
    "replica_gpu_use": "gpu_use",
    "replica_gpu_watts": "watts",
}
_OF_LEVEL = {
    "cache_hits": "hits",
    "cache_misses": "misses",
    "cache_evictions": "evictions",
    "cache_near_evictions": "near_evictions",
    "cache_saved_step_seconds": "saved_step_seconds",
    "cache_saved_money": "saved_money",
    "cache_entries": "entries",
    "cache_size_bytes": "size_bytes",
}


async def read_rows(service: VideoService) -> Read:
    """The meter's figures, the rows, and the values of the service's own labels."""
    ports, price = service.ports, service.settings.price_per_device_hour
    held, cache_up = await ports.cache.figures(), await ports.cache.healthy()
    known: Known = {
        "model": tuple(sorted(model.id for model in ports.models)),
        "tier": tuple(TIERS),
        "priced": () if price is None else ("yes",),
    }
    rows: Rows = {"cache_up": {(): float(cache_up)}}
    if price is not None:
        rows["price_per_device_hour"] = {(): price}
    try:
        figures, replicas = of_all(await ports.meter.read()), await ports.jobs.replicas()
        pools = tuple((await service.pools.look()).values())
        backlog = backlog_from_note(await ports.board.get(BACKLOG))
        nodes = await ports.board.get(NODES)
        under_way = await _under_way(service)
        storyboards = await ports.storyboards.count_open()
    except StoreUnavailable:
        rows["up"] = {(): 0.0}
        return {}, rows | rows_of_caches(cache_levels(held, {}, price), price is not None), known
    known["pool"] = tuple(sorted(status.pool for status in pools))
    rows["up"] = {(): 1.0}
    rows["storyboards_open"] = {(): float(storyboards)}
    rows |= rows_of_caches(cache_levels(held, figures, price), price is not None)
    rows |= rows_of_line(backlog, known["pool"]) | rows_of_pools(pools)
    rows |= rows_of_replicas(replicas) | rows_of_nodes(nodes) | rows_of_videos(under_way, service.now())
    return figures, rows, known


def rows_of_line(backlog: Backlog | None, pools: Sequence[str]) -> Rows:
    """The line by pool; of a pool that nobody has used, zeros. Without a Dispatcher's note nobody knows."""
    if backlog is None:
        return {}
    by_pool = {name: backlog.pool(name) for name in sorted({*pools, *(backlog.pools or {})})}
    found: Rows = {name: {} for name in (*_OF_POOL, "scaling_reason", "pool_tenants", "newcomer_wait_seconds")}
    shares = [use.share for use in (backlog.tenants or {}).values()]  # whose they are is nobody's business here
    found["largest_tenant_share"] = {(): max(shares, default=0.0)}
    for pool, row in by_pool.items():
        for name, attribute in _OF_POOL.items():
            value = getattr(row, attribute)
            made_up = name == "predicted_wait_seconds" and not backlog.foreseen(pool)
            if value is not None and not made_up:
                found[name][(pool,)] = float(value)
        found["pool_tenants"][(pool,)] = float(len(row.tenants or ()))
        waits = {} if row.newcomer is None or not backlog.foreseen(pool) else row.newcomer.ahead_s
        found["newcomer_wait_seconds"] |= {(pool, priority): wait_s for priority, wait_s in waits.items()}
        if row.because is not None:
            found["scaling_reason"][(pool, row.because)] = 1.0
    return found


def rows_of_pools(pools: Iterable[PoolStatus]) -> Rows:
    """How the pools are."""
    found: Rows = {"pool_ready": {}, "pool_asleep": {}, "pool_start_failed": {}, "pool_unplaced": {}}
    for each in pools:
        labels = (each.pool, each.model)
        found["pool_ready"][labels] = float(each.ready)
        found["pool_asleep"][labels] = float(each.state == "asleep")
        found["pool_start_failed"][labels] = float(each.state == "failed")
        found["pool_unplaced"][labels] = float(each.state == "unplaced")
    return found


def rows_of_replicas(replicas: Iterable[ReplicaInfo]) -> Rows:
    """What replicas say of themselves."""
    names = (*_OF_REPLICA, "replica_memory_level", "replica_memory_share", "replica_gpu_memory_bytes")
    found: Rows = {name: {} for name in names}
    for each in replicas:
        labels = (each.replica, each.pool, each.model)
        for name, attribute in _OF_REPLICA.items():
            value = getattr(each, attribute)
            if value is not None:
                found[name][labels] = float(value)
        found["replica_memory_level"][labels] = float(_PRESSURE.get(each.pressure, 0))
        shares = {"host": each.host_memory, "device": each.device_memory}
        sizes = {"used": each.gpu_memory_bytes, "total": each.gpu_memory_total_bytes}
        for metric, values in (("replica_memory_share", shares), ("replica_gpu_memory_bytes", sizes)):
            found[metric] |= {(*labels, kind): float(value) for kind, value in values.items() if value is not None}
    return found


def rows_of_caches(levels: Mapping[str, CacheLevel], priced: bool) -> Rows:
    """What each level of the caches has done and holds."""
    return {
        name: {(level,): float(getattr(row, attribute)) for level, row in levels.items()}
        for name, attribute in _OF_LEVEL.items()
        if priced or name != "cache_saved_money"
    }


def rows_of_nodes(note: Mapping[str, object] | None) -> Rows:
    """The cluster's nodes, as the Dispatcher noted them last; nothing where there is no cluster."""
    alive, lost = (note or {}).get("alive"), (note or {}).get("lost")
    if not isinstance(alive, int) or not isinstance(lost, int):
        return {}
    return {"nodes": {(): float(alive)}, "nodes_lost": {(): float(lost)}}


def rows_of_videos(jobs: Iterable[Job], now: float) -> Rows:
    """Jobs under way, one by one."""
    names = ("progress", "steps_done", "eta_seconds", "waited_seconds", "age_seconds", "attempts")
    found: Rows = {f"video_{name}": {} for name in names}
    for job in jobs:
        labels = (job.id, job.plan.pool)
        found["video_progress"][labels] = job.step / max(1, job.plan.sampling.steps)
        found["video_steps_done"][labels] = float(job.step)
        found["video_waited_seconds"][labels] = max(0.0, (job.started_at or now) - job.created_at)
        found["video_age_seconds"][labels] = max(0.0, now - job.created_at)
        found["video_attempts"][labels] = float(job.attempts)
        if job.eta_s is not None:
            found["video_eta_seconds"][labels] = job.eta_s
    return found


async def _under_way(service: VideoService) -> list[Job]:
    most = service.settings.metrics_videos
    if not most:
        return []
    leases = (await service.ports.jobs.leases())[:most]
    found = await asyncio.gather(*(find(service.ports.jobs, lease.job_id) for lease in leases))
    return [job for job in found if job is not None and not job.phase.ended]
