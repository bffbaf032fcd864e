"""`kinoray models`: the models that the settings name are listed, checked and weighed, without a service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.client.session import AsJson, say_json

if TYPE_CHECKING:
    from app.models.report import Report

GIB = 2**30


def models(
    config: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A serve_config.yaml with `models` in its args."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the models of the settings, check their files and estimate their memory; 1 when one is unsound."""
    from app.engine.timing.hardware import device_memory  # brings torch, which no other command needs
    from app.models.report import reports
    from app.settings.read import BadSettings, args_of, read_settings

    try:
        settings = read_settings(args_of(config) if config else {})
    except BadSettings as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    device, room = device_memory()
    found = reports(settings, room)
    if as_json:
        say_json({"device": device, "device_bytes": room, "models": [each.record() for each in found]})
    else:
        Console().print(_table(found, f"{device}, {room / GIB:.1f} GiB"))
        for each in found:
            for problem in each.problems:
                typer.echo(f"{each.id}: {problem}", err=True)
    if any(each.problems for each in found):
        raise typer.Exit(1)


def _table(found: Sequence[Report], device: str) -> Table:
    table = Table(title=f"models, on {device}")
    for name in ("id", "family", "source", "revision", "pools", "weights", "with work", "fits"):
        table.add_column(name, overflow="fold")
    for each in found:
        known = bool(each.parts)
        table.add_row(
            *(each.id, each.family, each.source, each.revision, ", ".join(each.pools)),
            f"{sum(each.parts.values()) / GIB:.2f} GiB" if known else "?",
            f"~{each.needed / GIB:.2f} GiB" if known else "?",
            "unsound" if each.problems else {True: "yes", False: "no", None: "not here yet"}[each.fits],
        )
    return table
