"""Histograms as sums: what one observation adds to a classic and to a native one, and how both are read back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.telemetry.figures import figure, parsed
from app.telemetry.table import METERED

SCHEMA = 3
"""Of native histograms: 2**SCHEMA buckets for each doubling, 9 % apart. https://prometheus.io/docs/specs/native_histograms"""
ZERO_THRESHOLD = 1e-3  # what is smaller counts as nothing
BEYOND = "+Inf"
_CELL = "/"  # between a histogram's name and which of its sums it is
_SUM = "sum"
_LEAST, _MOST = math.ceil(math.log2(ZERO_THRESHOLD) * 2**SCHEMA), 40 * 2**SCHEMA


@dataclass(slots=True)
class Histogram:
    """One series, read back: classic counts by bound (not cumulative), native ones by bucket, and the sum."""

    sum: float = 0.0
    classic: dict[str, float] = field(default_factory=dict)
    native: dict[int, float] = field(default_factory=dict)
    zeros: float = 0.0

    def cumulative(self, bounds: Sequence[float]) -> list[tuple[str, float]]:
        """The classic buckets as Prometheus has them, the last of them for all."""
        count, found = 0.0, []
        for bound in (*map(bound_name, bounds), BEYOND):
            count += self.classic.get(bound, 0.0)
            found.append((bound, count))
        return found

    @property
    def count(self) -> float:
        return sum(self.classic.values())


def observed(name: str, value: float, *labels: str) -> dict[str, float]:
    """What an observation adds, by figure; the native bucket only where the table asks for one.

    Raises:
        KeyError: the table has no such histogram.
    """
    metric = METERED[name]
    bound = next((bound_name(each) for each in metric.buckets if value <= each), BEYOND)
    added = {_key(name, f"le={bound}", labels): 1.0, _key(name, _SUM, labels): value}
    if metric.native:
        added[_key(name, f"n={_bucket(value)}", labels)] = 1.0
    return added


def read(figures: Mapping[str, float], name: str) -> dict[tuple[str, ...], Histogram]:
    """All series of a histogram, by the values of their labels."""
    found: dict[tuple[str, ...], Histogram] = {}
    for key, value in figures.items():
        cell_name, labels = parsed(key)
        base, slash, cell = cell_name.partition(_CELL)
        if base == name and slash:
            _put(found.setdefault(labels, Histogram()), cell, value)
    return found


def bound_name(bound: float) -> str:
    """A bound as label values have it."""
    return f"{bound:g}"


def _key(name: str, cell: str, labels: tuple[str, ...]) -> str:
    return figure(f"{name}{_CELL}{cell}", *labels)


def _bucket(value: float) -> str:
    """The native bucket: the smallest i with value <= 2**(i / 2**SCHEMA)."""
    if value <= ZERO_THRESHOLD:
        return "0+"
    return str(min(_MOST, max(_LEAST, math.ceil(math.log2(value) * 2**SCHEMA))))


def _put(histogram: Histogram, cell: str, value: float) -> None:
    kind, _, place = cell.partition("=")
    if kind == _SUM:
        histogram.sum += value
    elif kind == "le":
        histogram.classic[place] = histogram.classic.get(place, 0.0) + value
    elif place == "0+":
        histogram.zeros += value
    else:
        histogram.native[int(place)] = histogram.native.get(int(place), 0.0) + value
