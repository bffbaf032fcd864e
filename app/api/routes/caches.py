"""The caches for those who run the service: figures by level come out, and operators can have entries forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.auth import Operator
from app.api.dependencies import Service
from app.api.openapi import ERRORS
from app.cache.store import LevelFigures
from app.telemetry import CACHE_HITS, CACHE_MISSES, CACHE_SAVED

router = APIRouter(tags=["operate"], responses=ERRORS)
Level = Literal["results", "embeddings", "similar", "subjects"]


class CacheLevel(BaseModel):
    """What one level has done and holds. Evictions are of entries that left for lack of room, not of time."""

    hits: int | float
    misses: int | float
    hit_rate: float = Field(description="0.0 before the first question")
    entries: int
    size_bytes: int
    evictions: int
    near_evictions: int = Field(description="From a memory in front; the shared tier may still have them")
    saved_step_seconds: float
    saved_money: float = Field(description="At the price of a device; 0.0 without one")


class Cleared(BaseModel):
    """What was forgotten."""

    object: Literal["cache.cleared"] = "cache.cleared"
    level: Level | None = Field(description="None: all of them")
    removed: int = Field(description="Entries")


@router.delete("/api/cache", summary="Forget what is cached")
async def clear(service: Service, caller: Operator, level: Annotated[Level | None, Query()] = None) -> Cleared:
    """Everyone's entries, of one level or all; videos and jobs stay. Counts of hits and misses go on.

    It takes the scope `operate`: the caches hold the entries of all tenants.
    """
    return Cleared(level=level, removed=await service.ports.cache.clear(level))


def cache_levels(
    held: Mapping[str, LevelFigures], metered: Mapping[str, float], price_per_device_hour: float | None
) -> dict[str, CacheLevel]:
    """The figures of each level; hits and misses are those of the meter where it counts a level, the rest the cache's.

    `saved_money` is in the unit of the price: the saved step-seconds at the price of a device.
    """
    counted = _levels(metered)
    return {
        level: _level(level, held.get(level, LevelFigures()), metered, level in counted, price_per_device_hour)
        for level in sorted({*held, *counted})
    }


def _level(
    name: str, held: LevelFigures, metered: Mapping[str, float], counted: bool, price_per_device_hour: float | None
) -> CacheLevel:
    hits, misses = (
        (metered.get(f"{figure}:{name}", 0.0) if counted else own)
        for figure, own in ((CACHE_HITS, held.hits), (CACHE_MISSES, held.misses))
    )
    saved = round(metered.get(f"{CACHE_SAVED}:{name}", held.saved_step_seconds), 3)
    return CacheLevel(
        hits=hits,
        misses=misses,
        hit_rate=share(hits, hits + misses),
        entries=held.entries,
        size_bytes=held.size_bytes,
        evictions=held.evictions,
        near_evictions=held.near_evictions,
        saved_step_seconds=saved,
        saved_money=round(saved * (price_per_device_hour or 0.0) / 3600, 6),
    )


def share(part: float, whole: float) -> float:
    """The part of the whole, 0.0 of nothing."""
    return round(part / whole, 4) if whole else 0.0


def _levels(metered: Mapping[str, float]) -> set[str]:
    names = (name.partition(":") for name in metered)
    return {level for name, _, level in names if name in (CACHE_HITS, CACHE_MISSES)}
