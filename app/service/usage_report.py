"""Usage for people: rows by day, tenant, model and key come in; sums by what was asked for go out, also as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final

from app.jobs.usage import FIGURES, Used

BY: Final = ("day", "tenant", "model", "key")
"""What rows may be summed by."""
_COUNTS: Final = frozenset({"jobs", "completed", "failed", "cache_hits", "steps", "evaluations", "bytes"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")  # begins one where a table is opened

Row = Mapping[str, str | int | float]


def grouped(rows: Sequence[Used], by: Sequence[str]) -> list[Row]:
    """Sums by those of BY, in their order."""
    sums: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        names = {"day": row.day, "tenant": row.tenant, "model": row.model, "key": row.key_id}
        kept = sums.setdefault(tuple(names[each] for each in by), dict.fromkeys(FIGURES, 0.0))
        for name, value in row.figures.items():
            if name in kept:  # a later Kinoray beside this one may count more
                kept[name] += value
    return [{**dict(zip(by, who, strict=True)), **_told(figures)} for who, figures in sorted(sums.items())]


def total(rows: Sequence[Used]) -> Row:
    """The sums of all."""
    found = grouped(rows, ())
    return found[0] if found else _told(dict.fromkeys(FIGURES, 0.0))


def as_csv(rows: Sequence[Row], by: Sequence[str]) -> str:
    """The rows as CSV (RFC 4180), in which no value is a formula to a program that opens tables."""
    text = io.StringIO()
    writer = csv.writer(text)
    columns = (*by, *FIGURES)
    writer.writerow(columns)
    writer.writerows([_harmless(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def _told(figures: Mapping[str, float]) -> dict[str, int | float]:
    return {name: round(value) if name in _COUNTS else round(value, 6) for name, value in figures.items()}


def _harmless(value: str | float) -> str | float:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
