"""`kinoray settings`: what can be set, as a table for people or as the page of the documentation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from app.client.session import AsJson, say_json

if TYPE_CHECKING:
    from app.settings.document import Told


def settings(
    word: Annotated[str | None, typer.Argument(metavar="[WORD]", help="Only those that have it in their name.")] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="All of them, as docs/settings.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the settings of a service with meaning, unit, default and the version that brought them."""
    from app.settings.document import markdown, told

    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    if as_json:
        rows_of = ((heading, row) for heading, rows in told() for row in rows)
        say_json([{"section": heading, **asdict(row)} for heading, row in rows_of if _named(row, word)])
        return
    for heading, rows in told():
        found = [row for row in rows if _named(row, word)]
        if found:
            table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD)
            for name in ("variable", "means", "unit", "default", "since"):
                table.add_column(name, overflow="fold")
            for row in found:
                table.add_row(row.name, row.meaning, row.unit, row.default, row.since)
            Console().print(table, markup=False)


def _named(row: Told, word: str | None) -> bool:
    return word is None or word.lower() in row.name.lower()
