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
    fits: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Which layout of each model fits a device of so much memory, as in 12GiB."),
    ] = None,
    tflops: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=100_000, help="With --fits: what that device multiplies; unset: what this one does."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the models of the settings, check their files and estimate their memory; 1 when one is unsound.

    --fits needs no files: without models in the settings it goes through all families as they were published.
    """
    if fits is not None:
        _say_fits(config, fits, tflops, as_json)
        return
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


def _say_fits(config: Path | None, size: str, tflops: float | None, as_json: bool) -> None:
    from app.models.fits import best, fits, rate_here, size_of
    from app.settings.read import BadSettings, args_of, read_settings

    try:
        room = size_of(size)
        settings = read_settings(args_of(config) if config else {})
        rate = tflops * 1e12 if tflops is not None else rate_here()
        found = list(fits(settings, room, rate))
    except (BadSettings, ValueError) as error:  # BadModel among them
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        say_json({"device_bytes": room, "flops_a_s": rate, "layouts": [each.record() for each in found]})
        return
    table = Table(
        title=f"layouts for {room / GIB:.3g} GiB (memory beside the weights, and seconds at {rate / 1e12:.3g} TFLOPS, "
        "are estimates)"
    )
    for name in ("model", "layout", "fits", "largest moment", "weights by part (GiB)", "host", "a step, at best"):
        table.add_column(name, overflow="fold")
    for each in best(found):
        table.add_row(
            *(each.model, each.layout, "yes" if each.fits else "no", f"~{each.peak / GIB:.1f} GiB"),
            ", ".join(f"{part} {size / GIB:.2f}" for part, size in each.parts.items()),
            f"{each.host / GIB:.1f} GiB" if each.host else "",
            "" if each.step_s is None else f"{each.step_s:.3g} s",
        )
    Console().print(table)


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
