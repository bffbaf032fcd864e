"""Figures over time as one line of text: values come in, a bar of eight heights for each goes out."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"


def sparkline(values: Sequence[float | None]) -> str:
    """One character for each value, from the least, nought at most, to the most; `·` where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN * len(values)
    least, most = min(0.0, *known), max(known)
    return "".join(UNKNOWN if value is None else _bar(value - least, most - least) for value in values)


def _bar(height: float, whole: float) -> str:
    return BARS[0] if whole <= 0 else BARS[min(len(BARS) - 1, int(len(BARS) * height / whole))]
