"""`kinoray health`: components with since and why, the score, the last hour as lines, the forecast, what was mended."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.client import show
from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.records import Health, JsonObject, part
from app.client.session import AsJson, say_json, talk
from app.client.sparkline import sparkline

NOT_ALLOWED = (401, 403, 404)
"""What a key without the scope `operate`, or an older server, answers: the rest is shown all the same."""

TOLD = ("cause", "subject", "change", "times", "detail")
"""Of a recovery, beside its time."""

TRENDS: Mapping[str, tuple[str, str]] = {
    "line_step_seconds": ("line", "step-seconds"),
    "wait_s": ("wait", "s"),
    "videos_per_minute": ("throughput", "videos a minute"),
    "error_rate": ("errors", "of those that ended"),
    "hit_rate": ("cache hits", "of those that asked"),
    "replicas": ("replicas", ""),
}
"""By field of a minute: what it is called, and its unit."""


def health(
    context: typer.Context,
    most: Annotated[int, typer.Option("--events", min=0, max=1000, help="How many recoveries to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show how each part is, the last hour, where the line goes, and what was mended (exit code 1 when not well)."""
    found, trends, recoveries = talk(context, lambda client: _asked(client, max(most, 1)))
    if as_json:
        say_json({"health": found.facts, "trends": trends, "recoveries": recoveries})
    else:
        _show(found, trends, recoveries, most)
    if not found.ok:
        raise typer.Exit(1)


async def _asked(client: Kinoray, most: int) -> tuple[Health, JsonObject | None, JsonObject | None]:
    found = await client.health()
    try:
        return found, await client.trends(), await client.recoveries(most)
    except KinorayClientError as error:
        if found.ok and error.status not in NOT_ALLOWED:
            raise
        return found, None, None


def _show(found: Health, trends: JsonObject | None, recoveries: JsonObject | None, most: int) -> None:
    console = Console()
    console.print(Text(headline(found)))
    console.print(components(found.facts))
    if trends is None or recoveries is None:
        console.print(Text("Trends and recoveries are not to be had: for operators, while Redis answers."))
        return
    for line in trend_lines(trends):
        console.print(Text(line), overflow="ellipsis", no_wrap=True)
    console.print(Text(show.plain(part(trends, "forecast").get("sentence", "There are too few samples to forecast."))))
    events = _rows(recoveries, "events")[:most]
    if events:
        console.print(mended(events))


def headline(found: Health) -> str:
    """Status, score, and what the score lost points for."""
    score, lost = found.facts.get("score"), _rows(found.facts, "lost")
    said = "" if score is None else f", score {show.plain(score)} of 100"
    parts = ", ".join(f"{show.plain(row.get('component'))} −{show.plain(row.get('points'))}" for row in lost)
    return f"{show.plain(found.facts.get('status', 'unknown'))}{said}{f' ({parts})' if parts else ''}"


def components(facts: JsonObject) -> Table:
    """A row for each component, and for each pool."""
    table = Table(box=box.SIMPLE)
    for name in ("part", "status", "since", "why"):
        table.add_column(name, overflow="fold")
    for name, row in part(facts, "components").items():
        if not isinstance(row, Mapping):
            continue
        _add(table, name, row)
        for pool, one in part(row, "pools").items():
            if isinstance(one, Mapping):
                _add(table, f"  {pool}", one)
    return table


def trend_lines(trends: JsonObject) -> list[str]:
    """A line for each figure: its name, its course, and its last value."""
    minutes = _rows(trends, "minutes")
    lines = []
    for field, (name, unit) in TRENDS.items():
        values = [_number(row.get(field)) for row in minutes]
        last = next((value for value in reversed(values) if value is not None), None)
        now = "" if last is None else f"{show.plain(last)} {unit}".rstrip()
        lines.append(f"{name:<11}{sparkline(values)} {now}".rstrip())
    return lines if minutes else ["There are no samples of the last hour yet."]


def mended(events: Sequence[JsonObject]) -> Table:
    """A row for each recovery."""
    table = Table(box=box.SIMPLE)
    for name in ("at", "what", "where", "", "times", "detail"):
        table.add_column(name, overflow="fold")
    for row in events:
        said = (_when(row.get("at")), *(row.get(name, "") for name in TOLD))
        table.add_row(*(Text(show.plain(each)) for each in said))
    return table


def _add(table: Table, name: str, row: JsonObject) -> None:
    status = row.get("status", "ok" if row.get("ok") else "down")
    why = row.get("why") or row.get("error") or ""
    since = row.get("since")
    said = (name, status, _since(since) if isinstance(since, (int, float)) else "", why)
    table.add_row(*(Text(show.plain(each)) for each in said))


def _since(at: float) -> str:
    """How long ago, in its largest unit."""
    ago_s = max(0.0, time.time() - at)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if ago_s >= size:
            return f"{ago_s / size:.0f} {unit}"
    return f"{ago_s:.0f} s"


def _when(at: object) -> str:
    return show.when(float(at)) if isinstance(at, (int, float)) else ""


def _number(value: object) -> float | None:
    """A figure that a server said, if it is one."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known and isinstance(value, (int, float)) else None


def _rows(told: JsonObject, name: str) -> list[JsonObject]:
    listed = told.get(name)
    return [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, (list, tuple)) else []
