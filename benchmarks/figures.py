"""Figures with their targets: what was measured, what was wanted, and whether it was met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any


def at_most(value: float, target: float, **more: Any) -> dict[str, Any]:
    """A figure that should be small."""
    return {"measured": _short(value), "target": f"<= {target:g}", "met": value <= target, **more}


def at_least(value: float, target: float, **more: Any) -> dict[str, Any]:
    """A figure that should be large."""
    return {"measured": _short(value), "target": f">= {target:g}", "met": value >= target, **more}


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Median, 95th percentile and extremes."""
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), digits),
        "p95": round(percentile(ordered, 0.95), digits),
        "least": round(ordered[0], digits),
        "most": round(ordered[-1], digits),
        "count": len(ordered),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _short(value: float) -> float:
    return float(f"{value:.4g}")
