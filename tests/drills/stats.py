"""What a running service says of its line and its replicas, and waiting until it says something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests import waiting


async def stats(url: str) -> dict[str, Any]:
    """What `/api/stats` says."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        answer = await http.get("/api/stats")
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


async def until(url: str, holds: Callable[[dict[str, Any]], bool], timeout_s: float = 90.0) -> dict[str, Any]:
    """The first statistics for which it holds. Raises TimeoutError."""

    async def look() -> dict[str, Any] | None:
        told = await stats(url)
        return told if holds(told) else None

    found = await waiting.until(look, timeout_s, every_s=0.25)
    assert found is not None
    return found


def replicas(told: dict[str, Any]) -> set[str]:
    """The replicas that take jobs."""
    return {row["replica"] for row in told["replicas"] if not row["leaving"]}
