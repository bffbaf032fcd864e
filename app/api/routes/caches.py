"""The caches for those who run the service: figures by level come out, and operators can have entries forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.auth import Who
from app.api.dependencies import Config, Service
from app.api.openapi import ERRORS
from app.api.routes.feedback import may_reset_all
from app.errors import Forbidden
from app.telemetry import CACHE_HITS, CACHE_MISSES, CACHE_SAVED

router = APIRouter(tags=["operate"], responses=ERRORS)
Level = Literal["results", "embeddings", "similar"]


class Cleared(BaseModel):
    """What was forgotten."""

    object: Literal["cache.cleared"] = "cache.cleared"
    level: Level | None = Field(description="None: all of them")
    removed: int = Field(description="Entries")


@router.delete("/api/cache", summary="Forget what is cached")
async def clear(
    service: Service, settings: Config, caller: Who, level: Annotated[Level | None, Query()] = None
) -> Cleared:
    """Everyone's entries, of one level or all; videos and jobs stay. Counts of hits and misses go on.

    Where keys are configured, only the tenants in `KINORAY_OPERATORS` may.
    """
    if not may_reset_all(caller, settings):
        raise Forbidden("Only operators clear the caches; they hold the entries of all tenants.")
    return Cleared(level=level, removed=await service.ports.cache.clear(level))


def level_rows(
    held: Mapping[str, Any], metered: Mapping[str, float], price_per_device_hour: float | None
) -> dict[str, dict[str, Any]]:
    """The figures of each level; hits and misses are those of the meter where it counts a level, the rest the cache's.

    `saved_money` is in the unit of the price, None without one: the saved step-seconds at the price of a device.
    """
    rows: dict[str, dict[str, Any]] = {}
    for level in sorted({*held, *_levels(metered)}):
        row = {**_NOTHING, **(asdict(held[level]) if level in held else {})}
        if level in _levels(metered):
            row["hits"] = metered.get(f"{CACHE_HITS}:{level}", 0.0)
            row["misses"] = metered.get(f"{CACHE_MISSES}:{level}", 0.0)
        saved = round(metered.get(f"{CACHE_SAVED}:{level}", row["saved_step_seconds"]), 3)
        row["saved_step_seconds"] = saved
        row["saved_money"] = None if price_per_device_hour is None else round(saved * price_per_device_hour / 3600, 6)
        rows[level] = row
    return rows


_NOTHING = dict.fromkeys(
    ("hits", "misses", "entries", "size_bytes", "evictions", "saved_step_seconds", "near_evictions"), 0
)


def _levels(metered: Mapping[str, float]) -> set[str]:
    names = (name.partition(":") for name in metered)
    return {level for name, _, level in names if name in (CACHE_HITS, CACHE_MISSES)}
