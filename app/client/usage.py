"""`kinoray usage`: days in, what was used by day, model and key out, as a table, JSON or CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.client import show
from app.client.records import JsonObject
from app.client.session import AsJson, say_json, talk

NAMES = ("day", "tenant", "model", "key")
SHOWN = ("jobs", "completed", "failed", "cache_hits", "device_seconds", "money", "bytes", "video_seconds")


def usage(
    context: typer.Context,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day; thirty days ago.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day; today.")] = None,
    group_by: Annotated[str, typer.Option("--by", help="Some of day, tenant, model, key.")] = "day,model",
    tenant: Annotated[str | None, typer.Option(help="For operators: another tenant, or * for all.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, for tables.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what was used: jobs, device time, money, bytes."""
    if as_csv:
        text = talk(context, lambda client: client.usage_csv(first, last, group_by, tenant))
        typer.echo(text, nl=False)
        return
    told = talk(context, lambda client: client.usage(first, last, group_by, tenant))
    if as_json:
        say_json(told)
        return
    console = Console()
    console.print(_table(told))
    for quota in _rows(told, "quotas"):
        limit, used, most = (show.plain(quota.get(name)) for name in ("limit", "used", "most"))
        console.print(Text(f"{limit}: {used} of {most}"))


def _table(told: JsonObject) -> Table:
    rows = _rows(told, "data")
    names = [name for name in NAMES if any(name in row for row in rows)]
    table = Table(box=box.SIMPLE, show_footer=bool(rows))
    total = told.get("total")
    sums = total if isinstance(total, Mapping) else {}
    for at, name in enumerate(names):
        table.add_column(name, footer="total" if at == 0 else "")
    for name in SHOWN:
        table.add_column(name.replace("_", " "), justify="right", footer=show.plain(sums.get(name, 0)))
    for row in rows:
        table.add_row(*(Text(show.plain(row.get(name, ""))) for name in (*names, *SHOWN)))
    return table


def _rows(told: JsonObject, name: str) -> Sequence[JsonObject]:
    listed = told.get(name)
    return [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, (list, tuple)) else ()
