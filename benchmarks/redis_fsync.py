"""What it costs that Redis puts each answered write on the disk: `appendfsync always` against `everysec`, in turns.

A real Kinoray on this machine, whose own Redis is told to flush one way and the other. How long the disk takes for a
flush is measured beside it, since all that `always` costs is flushes.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

from redis.asyncio import Redis
from rich.console import Console

from app.client.client import Kinoray
from benchmarks.figures import at_most, percentile
from cluster.local import LocalService

MODES: Final = ("always", "everysec")
AT_ONCE: Final = 40
ALONE: Final = 10  # jobs, one after the other, in each turn
MOST: Final = 1.1  # of everysec's time, for a preview alone and for all at once, where a flush takes less than SHORT_S
SHORT_S: Final = 1e-3
FLUSHES: Final = 200


async def measure(service: LocalService, turns: int, console: Console) -> dict[str, Any]:
    """Seconds to accept a preview, to make it, and to make many at once, in so many turns of both ways."""
    flush_s = await asyncio.to_thread(_flush_s, service.settings.state_dir)
    taken: dict[str, dict[str, list[float]]] = {mode: {"accepted": [], "made": [], "at_once": []} for mode in MODES}
    assert service.redis is not None
    redis = Redis.from_url(service.redis.url)
    async with redis, Kinoray(service.url) as client:
        await _at_once(client)  # warm
        for turn in range(turns):
            for mode in MODES if turn % 2 == 0 else reversed(MODES):
                await redis.config_set("appendfsync", mode)
                for _ in range(ALONE):
                    accepted_s, made_s = await _alone(client)
                    taken[mode]["accepted"].append(accepted_s)
                    taken[mode]["made"].append(made_s)
                taken[mode]["at_once"].append(await _at_once(client))
            console.print(f"[dim]turn {turn + 1} of {turns}[/dim]")
    figures: dict[str, Any] = {"flush_ms": round(1000 * flush_s, 3), "turns": turns, "at_once": AT_ONCE}
    figures |= {mode: _told(rows) for mode, rows in taken.items()}
    always, everysec = (taken[mode] for mode in MODES)
    for name, of in (("made", median), ("at_once", fmean)):
        share = round(of(always[name]) / of(everysec[name]), 3)
        figures[f"{name}_always_of_everysec"] = at_most(share, MOST) if flush_s < SHORT_S else share
    return figures


def _flush_s(folder: Path) -> float:
    """The median of flushes of as much as a job's record has, to a file beside Redis's own."""
    path, took = folder / "flushed", []
    with path.open("wb") as file:
        for _ in range(FLUSHES):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return median(took)


async def _alone(client: Kinoray) -> tuple[float, float]:
    """Seconds until it was accepted, and until it was made."""
    began = time.monotonic()
    asked = await client.create("a red ball bounces on a sand background", tier="preview", cache={"mode": "off"})
    accepted_s = time.monotonic() - began
    video = await client.wait(asked.id)
    if video.status != "completed":
        raise RuntimeError(f"{video.id} failed: {video.error}")
    return accepted_s, time.monotonic() - began


async def _at_once(client: Kinoray) -> float:
    began = time.monotonic()
    await asyncio.gather(*(_alone(client) for _ in range(AT_ONCE)))
    return time.monotonic() - began


def _told(rows: dict[str, list[float]]) -> dict[str, float]:
    return {
        "accepted_p50_s": round(median(rows["accepted"]), 4),
        "accepted_p95_s": round(percentile(rows["accepted"], 0.95), 4),
        "made_p50_s": round(median(rows["made"]), 3),
        "at_once_mean_s": round(fmean(rows["at_once"]), 2),
    }
