"""The figures as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.simulate.load.figures import LoadFigures, Row, Spread
from app.simulate.load.find import Condition, Tried


def tables(figures: LoadFigures) -> RenderableType:
    """Kinds, classes, pools, and what it all comes to."""
    notes = [Text(note, "dim") for note in figures.notes]
    return Group(_requests(figures), _times(figures), _pools(figures), Text(_sum(figures), "bold"), *notes)


def tries(found: int | None, tried: Sequence[Tried], conditions: Sequence[Condition], pool: str) -> RenderableType:
    """What was tried, and the answer."""
    table = Table(title=" and ".join(each.text for each in conditions), title_justify="left")
    for name in ("replicas", *(each.text for each in conditions), "utilisation", "money", ""):
        table.add_column(name, justify="right")
    for one in tried:
        values = [_value(each, one.figures) for each in conditions]
        money = "" if one.figures.money is None else f"{one.figures.money:,.2f}"
        mark = "enough" if one.met else "too few"
        style = "bold green" if one.replicas == found else ""
        table.add_row(str(one.replicas), *values, f"{one.figures.utilisation:.0%}", money, mark, style=style)
    most = max(one.replicas for one in tried)
    answer = f"{pool} needs {found} replicas." if found else f"Not even {most} replicas in {pool} are enough."
    return Group(table, Text(answer, "bold"))


def _value(each: Condition, figures: LoadFigures) -> str:
    value = each.value(figures)
    return seconds(value) if each.share else f"{value:.2%}"


def _grouped(figures: LoadFigures) -> list[tuple[Row, ...]]:
    """The kinds, the classes of priority where there are several, and all."""
    classes = figures.priorities if len(figures.priorities) > 1 else ()
    return [rows for rows in (figures.kinds, classes, (figures.all,)) if rows]


def _requests(figures: LoadFigures) -> Table:
    table = Table(title="Requests", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in ("asked", "made", "cached", "refused", "late", "promises kept"):
        table.add_column(name, justify="right", no_wrap=True)
    for rows in _grouped(figures):
        for row in rows:
            kept = "" if row.promises_kept is None else f"{row.promises_kept:.1%}"
            counts = [str(count) if count else "" for count in (row.cached, row.refused, row.late)]
            table.add_row(row.name, str(row.asked), str(row.completed), *counts, kept)
        table.add_section()
    return table


def _times(figures: LoadFigures) -> Table:
    table = Table(title="How long they wait, and until they are made", title_justify="left")
    table.add_column("", no_wrap=True)
    for what in ("wait", "latency"):
        for share in ("P50", "P95", "P99"):
            table.add_column(f"{what} {share}" if share == "P50" else share, justify="right", no_wrap=True)
    for rows in _grouped(figures):
        for row in rows:
            table.add_row(row.name, *_cells(row.wait), *_cells(row.latency))
        table.add_section()
    return table


def _cells(each: Spread) -> list[str]:
    return ["" if value is None else seconds(value) for value in (each.p50, each.p95, each.p99)]


def _pools(figures: LoadFigures) -> Table:
    table = Table(title="Pools", title_justify="left")
    table.add_column("")
    for name in ("replicas", "mean", "device-hours", "at work", "utilisation", "money"):
        table.add_column(name, justify="right")
    for row in figures.pools:
        few, many = row.replicas_least, row.replicas_most
        replicas = str(many) if few == many else f"{few} to {many}"
        money = "" if row.money is None else f"{row.money:,.2f}"
        hours = [f"{row.replicas_mean:g}", f"{row.device_hours:,.1f}", f"{row.busy_hours:,.1f}"]
        table.add_row(row.name, replicas, *hours, f"{row.utilisation:.0%}", money)
    return table


def _sum(figures: LoadFigures) -> str:
    money = "" if figures.money is None else f", {figures.money:,.2f} money"
    each = "" if figures.money_per_video is None else f" ({figures.money_per_video:.3f} a video)"
    return (
        f"{figures.requests:,} requests in {seconds(figures.seconds)}: {figures.throughput_per_h:,.1f} videos an hour, "
        f"{figures.device_hours:,.1f} device-hours, {figures.utilisation:.0%} of them at work{money}{each}. "
        f"Simulated in {seconds(figures.simulated_in_s)}."
    )


def seconds(value: float) -> str:
    """A time as people read it."""
    if value < 60:
        return f"{value:.1f} s"
    if value < 7200:
        return f"{value / 60:.1f} min"
    return f"{value / 3600:.1f} h"
