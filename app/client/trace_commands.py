"""`kinoray trace export`: what was asked of a running service, as lines of JSON for `kinoray simulate load --trace`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.client.global_options import everywhere
from app.client.session import talk

if TYPE_CHECKING:
    from app.client.client import Kinoray

traces = typer.Typer(help="What was asked of a service, for capacity planning.", no_args_is_help=True)


@traces.callback()
def _only() -> None:
    """Keeps `export` a verb of its own."""


@traces.command()
@everywhere
def export(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", "-o", dir_okay=False, help="Else standard output.")] = None,
    since: Annotated[float | None, typer.Option(min=0, help="Only what came after, Unix seconds.")] = None,
) -> None:
    """Write the requests that have ended, without prompts, a line of JSON each; an operator's key is needed."""
    rows = talk(context, _all)
    found = sorted((row for row in rows if row["at"] >= (since or 0.0)), key=lambda row: row["at"])
    text = "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in found)
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text)
    except OSError as error:
        typer.echo(f"{out}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{len(found)} requests in {out}", err=True)


async def _all(client: Kinoray) -> list[dict[str, Any]]:
    """Page by page."""
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = await client.trace(after)
        rows += [dict(row) for row in page.get("data", [])]
        following = page.get("next")
        if not isinstance(following, str):
            return rows
        after = following
