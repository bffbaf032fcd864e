"""`kinoray calibrate`: hands what is asked to what measures a model offline, which needs torch and no service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from app.client.global_options import everywhere
from app.client.session import AsJson, say_json

calibrate = typer.Typer(
    help="Measure a model offline, on the device there is; interrupted, it goes on where it was.", no_args_is_help=True
)


class Dtype(str, Enum):
    """Of the weights and activations of the built-in model."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


Model = Annotated[str | None, typer.Option(help="One of KINORAY_MODELS; by default the built-in one.")]
OfBuiltIn = Annotated[Dtype, typer.Option(help="Of the built-in model.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Torch threads; by default all cores.")]
Prompts = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A file with a prompt in each line; needed for models of your own."),
]
Progress = Annotated[Path | None, typer.Option(dir_okay=False, help="Where to note how far it is; below runs/.")]
Out = Annotated[Path | None, typer.Option(dir_okay=False, help="The table; by default where the planner looks.")]


@contextmanager
def _refusals() -> Iterator[None]:
    """What cannot be measured is a mistake in the command, and said as such."""
    from app.calibration.subject import CannotMeasure
    from app.settings.read import BadSettings

    try:
        yield
    except CannotMeasure as error:
        raise typer.BadParameter(str(error)) from error
    except BadSettings as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@contextmanager
def _measuring(as_json: bool) -> Iterator[None]:
    """What is said of the progress goes aside where standard output is for JSON."""
    with _refusals(), redirect_stdout(sys.stderr) if as_json else nullcontext():
        yield


def _say_table(kind: str, model: str, table: object, as_json: bool) -> None:
    if as_json:
        say_json({"measured": kind, "model": model, "table": str(table)})


@calibrate.command()
@everywhere
def masks(
    model: Model = None,
    dtype: OfBuiltIn = Dtype.FLOAT32,
    threads: Threads = None,
    prompts: Prompts = None,
    steps: Annotated[list[int] | None, typer.Option(help="Lengths; may be given more than once.")] = None,
    shares: Annotated[list[float] | None, typer.Option(help="Budgets, of the steps; more than once.")] = None,
    moves: Annotated[int | None, typer.Option(min=0, help="Of the annealing.")] = None,
    tries: Annotated[int | None, typer.Option(min=0, help="Masks that are walked in the climb.")] = None,
    slack: Annotated[float | None, typer.Option(min=0, help="How much worse masks with fewer passes may be.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the annealing.")] = None,
    sampler: Annotated[
        list[str] | None, typer.Option(help="euler, unipc or ddim; with --every more than once.")
    ] = None,
    every: Annotated[bool, typer.Option("--every", help="Every length and budget; others are then refused.")] = False,
    minutes: Annotated[float | None, typer.Option(min=0, help="With --every: stop then; the next run goes on.")] = None,
    progress: Progress = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Search for the steps that a budget should run, and write a table."""
    from app.calibration.masks import effort_of, measure, measure_every
    from app.calibration.subject import chosen

    with _measuring(as_json):
        subject = chosen(model, dtype.value, threads)
        if every:
            table = measure_every(subject, prompts, steps, sampler or (), minutes, progress, out)
        else:
            effort = effort_of(moves, tries, slack, seed, sampler[0] if sampler else None)
            table = measure(subject, prompts, steps, shares, effort, progress, out)
    _say_table("masks", subject.profile.id, table, as_json)


@calibrate.command("all")
@everywhere
def everything(
    only: Annotated[list[str] | None, typer.Option(help="masks, budgets, drafts, similar; more than once.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="That measure beside each other, with a thread each.")] = 2,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop then; the same command goes on.")] = None,
    walked: Annotated[int, typer.Option(min=1, max=4, help="Prompts that each mask is walked with.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="Next to nothing of each, to see that it works.")] = False,
    folder: Annotated[
        Path | None, typer.Option(file_okay=False, help="For the tables; by default where the planner looks.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure all tables of the built-in model anew, as its weights changed: masks, budgets, drafts, similar starts."""
    from dataclasses import replace

    from app.calibration.everything import QUICK, Effort, measure_all
    from app.calibration.subject import chosen

    with _measuring(as_json):
        effort = QUICK if quick else replace(Effort(), walked=walked)
        tables = measure_all(only or (), effort, processes, minutes, folder, None)
    for table in tables:
        _say_table(table.parent.name, chosen(None, "float32", 1).profile.id, table, as_json)


@calibrate.command()
@everywhere
def layout(
    model: Model = None,
    threads: Threads = None,
    prompts: Prompts = None,
    count: Annotated[int, typer.Option(min=1, help="Prompts of each class, or of the file.")] = 32,
    picture: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw it, too: a PNG.")] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure what each layout costs and loses here against float32; presets leave out those that lose too much."""
    from app.calibration.layouts import measure
    from app.calibration.subject import chosen

    with _measuring(as_json):
        subject = chosen(model, "float32", threads)
        table = measure(subject, prompts, count, picture, out)
    _say_table("layout", subject.profile.id, table, as_json)


@calibrate.command()
@everywhere
def budgets(
    model: Model = None,
    dtype: OfBuiltIn = Dtype.FLOAT32,
    threads: Threads = None,
    prompts: Prompts = None,
    count: Annotated[int, typer.Option(min=1, help="Prompts of each class.")] = 32,
    shares: Annotated[list[float] | None, typer.Option(help="Budgets to try, of the steps; more than once.")] = None,
    seed: Annotated[int, typer.Option(help="Of the held-out prompts.")] = 1,
    progress: Progress = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure how few evaluations each class of prompt needs in each tier, and write a table.

    With --prompts it is judged by likeness to the model's own full run, else by what a checker sees.
    """
    from app.calibration.budgets import measure
    from app.calibration.subject import chosen

    with _measuring(as_json):
        subject = chosen(model, dtype.value, threads)
        table = measure(subject, prompts, count, shares, seed, progress, out)
    _say_table("budgets", subject.profile.id, table, as_json)


@calibrate.command()
@everywhere
def similar(
    dtype: OfBuiltIn = Dtype.FLOAT32,
    threads: Threads = None,
    count: Annotated[int, typer.Option(min=1, help="Pairs of each range of similarity.")] = 24,
    shares: Annotated[list[float] | None, typer.Option(help="Of the steps, to be skipped; more than once.")] = None,
    edges: Annotated[list[float] | None, typer.Option(help="Similarities that ranges begin at; as often.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the runs.")] = None,
    seed: Annotated[int, typer.Option(help="Of the held-out prompts.")] = 1,
    progress: Progress = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure how many steps a start with a similar video may skip; for the built-in model, which a checker judges."""
    from app.calibration.similar import measure
    from app.calibration.subject import chosen

    with _measuring(as_json):
        subject = chosen(None, dtype.value, threads)
        table = measure(subject, count, shares, edges, steps, seed, progress, out)
    _say_table("similar", subject.profile.id, table, as_json)


@calibrate.command()
@everywhere
def drafts(
    model: Model = None,
    dtype: OfBuiltIn = Dtype.FLOAT32,
    threads: Threads = None,
    prompts: Prompts = None,
    count: Annotated[int, typer.Option(min=1, help="Prompts, in each tier.")] = 96,
    tiers: Annotated[list[str] | None, typer.Option("--tier", help="A tier, or auto; more than once.")] = None,
    levels: Annotated[list[float] | None, typer.Option("--level", help="Noise to go on from; more than once.")] = None,
    seed: Annotated[int, typer.Option(help="Of the held-out prompts.")] = 1,
    progress: Progress = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure how far plans may go on from a draft, and which drafts to throw away, and write a table.

    With --prompts it is judged by likeness to the plain plan's video, else by what a checker sees.
    """
    from app.calibration.drafts import measure
    from app.calibration.subject import chosen

    with _measuring(as_json):
        subject = chosen(model, dtype.value, threads)
        table = measure(subject, prompts, count, tiers, levels, seed, progress, out)
    _say_table("drafts", subject.profile.id, table, as_json)


@calibrate.command()
@everywhere
def magnitudes(
    model: Model = None,
    dtype: OfBuiltIn = Dtype.FLOAT32,
    threads: Threads = None,
    prompts: Prompts = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the runs; for other lengths it is stretched.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what MagCache has to know of a model, and print it as the setting KINORAY_MAG_RATIOS."""
    from app.calibration.magnitudes import measure
    from app.calibration.subject import chosen

    with _measuring(as_json):
        subject = chosen(model, dtype.value, threads)
        setting = measure(subject, prompts, steps)
    if as_json:
        say_json({"measured": "magnitudes", "model": subject.profile.id, "setting": setting})
    else:
        typer.echo(setting)
