"""`kinoray simulate faults`: hands what is asked to the fault search, needs no service, and says what it found."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer

from app.client.global_options import everywhere
from app.client.session import AsJson, say_json


@everywhere
def faults(
    seeds: Annotated[int, typer.Option(min=1, help="How many runs, each drawn from a seed of its own.")] = 1000,
    first: Annotated[int, typer.Option("--from", min=0, help="The first of them.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Replay this one alone, and show its trace.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="At a time; by default one for each core.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the real service through drawn loads and faults; ends with 1 where something does not hold that must."""
    if seed is not None:
        _replay(seed, as_json)
        return
    from app.simulate.faults.search import search

    searched = search(first, seeds, processes, _progress(first, seeds))
    if as_json:
        found = [{"seed": each.seed, "violation": each.violation} for each in searched.found]
        said = {"seeds": searched.seeds, "jobs": searched.jobs, "faults": searched.faults, "found": found}
        say_json({**said, "took_s": round(searched.took_s, 1), "per_minute": round(searched.per_minute)})
    else:
        for each in searched.found:
            typer.echo(each.text() + "\n")
        typer.echo(
            f"{searched.seeds} seeds, {searched.jobs} jobs, {searched.faults} faults in {searched.took_s:.0f} s "
            f"({searched.per_minute:.0f} seeds a minute): {len(searched.found)} failed"
        )
    raise typer.Exit(1 if searched.found else 0)


def _progress(first: int, seeds: int) -> Callable[[int, str | None], None]:
    """Says at once what fails, and now and then how far it is: so that a search that is broken off can go on there."""
    began, failed = time.monotonic(), 0

    def heard(seed: int, violation: str | None) -> None:
        nonlocal failed
        done = seed - first + 1
        if violation is not None:
            failed += 1
            typer.echo(f"seed {seed}: {violation}", err=True)
        if done % 100 == 0 or done == seeds:
            per_minute = 60.0 * done / max(1e-9, time.monotonic() - began)
            on = f"; the next is --from {first + done}" if done < seeds else ""
            typer.echo(f"{done} of {seeds} seeds, {failed} failed, {per_minute:.0f} a minute{on}", err=True)

    return heard


def _replay(seed: int, as_json: bool) -> None:
    from app.simulate.faults.search import replay

    outcome, found = replay(seed)
    if as_json:
        say_json({"seed": seed, "violation": outcome.violation, "digest": outcome.digest})
    elif found is not None:
        typer.echo(found.text())
    else:
        typer.echo(
            f"seed {seed}: {outcome.jobs} jobs, {outcome.faults} faults, {outcome.virtual_s:.0f} virtual seconds: "
            f"all holds (trace {outcome.digest})"
        )
    raise typer.Exit(0 if found is None else 1)
