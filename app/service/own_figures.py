"""What the meter counts of each tenant beside what it counts of all: figures of one come in, and go out by name."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from app.telemetry import DEVICE_SECONDS, JOB_SECONDS, JOBS_CREATED, JOBS_ENDED

OWN = "own"
COUNTED = (JOBS_CREATED, JOBS_ENDED, JOB_SECONDS, DEVICE_SECONDS)
"""Figures that are kept by tenant, too, with what stands behind a colon in them."""


def with_own(tenant: str, figures: Mapping[str, float]) -> dict[str, float]:
    """The figures, and those of them that are the tenant's own as such: they go to Redis together."""
    own = {_name(tenant, name): value for name, value in figures.items() if name.partition(":")[0] in COUNTED}
    return {**figures, **own}


def own_of(tenant: str, figures: Mapping[str, float]) -> dict[str, float]:
    """Of all figures those of a tenant, by the names that they have for all."""
    begins = _name(tenant, "")
    return {name.removeprefix(begins): value for name, value in figures.items() if name.startswith(begins)}


def of_all(figures: Mapping[str, float]) -> dict[str, float]:
    """The figures without those of single tenants."""
    return {name: value for name, value in figures.items() if not name.startswith(f"{OWN}:")}


def _name(tenant: str, name: str) -> str:
    return f"{OWN}:{quote(tenant, safe='')}:{name}"
