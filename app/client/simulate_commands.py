"""`kinoray simulate load`: hands what is asked to the simulator, which needs no service, and shows what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.client.global_options import everywhere
from app.client.session import AsJson, say_json

if TYPE_CHECKING:
    from app.simulate.load.command import Planned
    from app.simulate.load.figures import LoadFigures
    from app.simulate.load.outcome import Ran

simulate = typer.Typer(help="Simulate the service on virtual time; no service is needed.", no_args_is_help=True)
_PNG_MISSING = "A picture needs matplotlib: pip install matplotlib"


@contextmanager
def _refusals() -> Iterator[None]:
    """What cannot be simulated is a mistake in the command, and said as such."""
    from app.simulate.load.problem import CannotSimulate

    try:
        yield
    except CannotSimulate as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@simulate.command()
@everywhere
def load(
    step_time: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A replica's profile, or a table.")],
    replicas: Annotated[list[str], typer.Option(help="A pool and its size, main=4 or main=1..16; more than once.")],
    rate: Annotated[str | None, typer.Option(help="Requests on average: 0.4/s, 1500/h, 1M/day.")] = None,
    mix: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="What is asked for, as YAML.")] = None,
    trace: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Instead: a trace.")] = None,
    length: Annotated[str, typer.Option("--for", help="For how long requests come.")] = "24h",
    swing: Annotated[float, typer.Option(help="By how much of it the rate swings over a day, 0 to 1.")] = 0.0,
    find: Annotated[list[str] | None, typer.Option(help="How many replicas for p95_wait<30s? More than once.")] = None,
    price: Annotated[float | None, typer.Option(min=0, help="Of one device, an hour.")] = None,
    start: Annotated[str | None, typer.Option(help="What a replica takes to start; else as set.")] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Jobs in a replica; else as set.")] = None,
    max_batch: Annotated[int | None, typer.Option(min=1, help="Jobs in a forward; else as set.")] = None,
    max_wait: Annotated[str | None, typer.Option(help="Longer predicted waits are refused; else as set.")] = None,
    seed: Annotated[int, typer.Option(help="Of the dice.")] = 0,
    png: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a picture; needs matplotlib.")] = None,
    as_json: AsJson = False,
) -> None:
    """Waits, use, refusals, device-hours and money of a load on a fleet, or how many replicas it needs."""
    with _refusals():
        from app.simulate.load.command import Asked, planned

        plan = planned(
            Asked(
                step_times=step_time,
                replicas=replicas,
                rate=rate,
                mix=mix,
                trace=trace,
                length=length,
                swing=swing,
                seed=seed,
                price=price,
                start=start,
                slots=slots,
                max_batch=max_batch,
                max_wait=max_wait,
            )
        )
        _find(plan, find, png, as_json) if find else _run(plan, png, as_json)


def _run(plan: Planned, png: Path | None, as_json: bool) -> None:
    from app.simulate.load.show import tables

    ran, figures = plan.run()
    if as_json:
        samples = [sample._asdict() for sample in ran.samples]
        timeline = {name: list(rows) for name, rows in ran.timeline.items()}
        say_json({**asdict(figures), "timeline": timeline, "samples": samples})
    else:
        Console().print(tables(figures))
    if png is not None:
        _draw(ran, figures, png, plan.title)


def _find(plan: Planned, texts: list[str], png: Path | None, as_json: bool) -> None:
    from app.simulate.load.show import tries

    pool, found, tried, conditions = plan.find(texts)
    if as_json:
        rows = [{"replicas": one.replicas, "met": one.met, "figures": asdict(one.figures)} for one in tried]
        say_json({"pool": pool, "conditions": texts, "replicas": found, "tried": rows})
    else:
        Console().print(tries(found, tried, conditions, pool))
    if png is not None and found:
        _draw(*plan.run(plan.fleet.with_replicas(pool, found)), png, f"{plan.title}: {found} are enough")
    if found is None:
        raise typer.Exit(1)


def _draw(ran: Ran, figures: LoadFigures, png: Path, title: str) -> None:
    from app.simulate.load.picture import picture

    try:
        picture(ran, figures, png, title)
    except ImportError as error:
        typer.echo(_PNG_MISSING, err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{png}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error
