"""Series for charts: readings of a window come in, one row of numbers for each figure goes out, gaps as None; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf

from app.health.history import Reading, Window
from app.types import PRIORITIES

Row = list[float | None]
HOUR_S = 3600.0


def times(window: Window, now: float) -> list[int]:
    """When each place of the window begins, Unix seconds, the oldest first."""
    last = window.slot(now)
    return [slot * window.every_s for slot in range(last - window.kept + 1, last + 1)]


def series(
    readings: Sequence[Reading], window: Window, now: float, price_per_device_hour: float | None = None
) -> dict[str, Row]:
    """By name, a number for each of `times`; None where there is no reading, or where nothing can be told of it.

    What happens by and by (videos, waits, hits, device seconds) is told over `window.over` spaces up to each place.
    Counters that are less than before began anew, as after a restore: what happened is not known there.
    """
    placed = {window.slot(each.at): each for each in readings}
    last = window.slot(now)
    slots = range(last - window.kept + 1, last + 1)
    rows = [_figures(placed.get(slot), _before(placed, slot, window), price_per_device_hour) for slot in slots]
    return {name: [row.get(name) for row in rows] for name in _names(rows)}


def _names(rows: Sequence[Mapping[str, float | None]]) -> list[str]:
    """All there are: those of every service first, in their order."""
    always = [*_figures(Reading(0.0), None, 1.0)]
    return [*always, *sorted({name for row in rows for name in row} - set(always))]


def _before(placed: Mapping[int, Reading], slot: int, window: Window) -> Reading | None:
    """The oldest reading that is not farther back than what is told over."""
    return next((placed[each] for each in range(slot - window.over, slot) if each in placed), None)


def _figures(now: Reading | None, before: Reading | None, price: float | None) -> dict[str, float | None]:
    if now is None:
        return {}
    span_s = 0.0 if before is None else now.at - before.at
    found: dict[str, float | None] = {
        **{f"waiting_{name}": float(now.waiting.get(name, 0)) for name in PRIORITIES},
        "running": float(now.running),
        "wait_s": now.wait_s,
        "replicas_wanted": float(now.wanted),
        "replicas_ready": float(now.ready),
    }
    grown = partial(_grown, now, before)
    rates = {
        "videos_per_hour": grown("completed"),
        "errors_per_hour": grown("failed"),
        "device_seconds_per_hour": grown("device_seconds"),
    }
    found |= {name: _per_hour(more, span_s) for name, more in rates.items()}
    spent = found["device_seconds_per_hour"]
    found["cost_per_hour"] = None if spent is None or price is None else round(spent * price / HOUR_S, 6)
    waits, hits, misses = (_between(now, before, name) for name in ("waits", "hits", "misses"))
    found |= {"wait_p50_s": quantile(waits, 0.5), "wait_p95_s": quantile(waits, 0.95)}
    levels = ("results", *sorted({*now.hits, *now.misses} - {"results"}))
    return found | {f"hit_rate_{level}": _share(hits.get(level, 0.0), misses.get(level, 0.0)) for level in levels}


def quantile(buckets: Mapping[str, float], share: float) -> float | None:
    """The quantile of counts by upper bound (not cumulative), by a straight line within a bucket; None of none.

    What lies beyond the last bound is told as that bound, as Prometheus does.
    """
    total = sum(buckets.values())
    if total <= 0:
        return None
    below, left, rank = 0.0, 0.0, share * total
    for bound in sorted(buckets, key=float):
        upper = float(bound)
        if left + buckets[bound] >= rank:
            return round(below if upper == inf else below + (upper - below) * (rank - left) / buckets[bound], 3)
        left, below = left + buckets[bound], upper
    return round(below, 3)


def _grown(now: Reading, before: Reading | None, name: str) -> float | None:
    if before is None:
        return None
    grown = float(getattr(now, name) - getattr(before, name))
    return grown if grown >= 0 else None


def _per_hour(grown: float | None, span_s: float) -> float | None:
    return None if grown is None or span_s <= 0 else round(HOUR_S * grown / span_s, 3)


def _between(now: Reading, before: Reading | None, name: str) -> dict[str, float]:
    """What has been added to each counter; nothing where one began anew."""
    after: Mapping[str, float] = getattr(now, name)
    known: Mapping[str, float] = {} if before is None else getattr(before, name)
    if before is None or any(after.get(each, 0.0) < value for each, value in known.items()):
        return {}
    return {each: grown for each, value in after.items() if (grown := value - known.get(each, 0.0)) > 0}


def _share(part: float, rest: float) -> float | None:
    return round(part / (part + rest), 4) if part + rest else None
