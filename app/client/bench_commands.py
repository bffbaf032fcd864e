"""`kinoray profile` and `kinoray bench`: jobs run against a service that runs, or one that is started for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.client.global_options import Server
from app.client.session import AsJson, say_json, talk
from app.client.waterfall import PNG_MISSING
from app.client.words import TIERS, tiers

if TYPE_CHECKING:
    from app.client.bench.run_config import RunConfig
    from app.client.bench.runner import Run
    from app.client.client import Kinoray

Start = Annotated[bool, typer.Option("--start", help="Start a service for it, and stop it afterwards.")]
Tier = Annotated[str | None, typer.Option(help=TIERS, autocompletion=tiers)]


def profile(
    context: typer.Context,
    prompt: str,
    n: Annotated[int, typer.Option("--n", "-n", min=1, max=10_000, help="How many jobs.")] = 10,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Jobs under way at a time.")] = 1,
    tier: Tier = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the noise schedule.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Of them, how many run the denoiser.")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model.")] = None,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Let the caches answer, too.")] = False,
    start: Start = False,
    as_json: AsJson = False,
) -> None:
    """Run PROMPT several times and show where the time goes: P50 and P95 of each stage, and the bottleneck."""
    from app.client.bench.comparison import figures_of, stages_of
    from app.client.bench.run_config import RunConfig
    from app.client.bench.tables import compared, profiled

    asked: dict[str, Any] = {"tier": tier, "steps": steps, "budget": budget, "size": size, "model": model}
    config = RunConfig(name="profile", prompts=(prompt,), n=n, concurrency=concurrency, cache=cache, **asked)
    [ran] = _run_all(context, [config], start)
    figures, stages = figures_of(ran), stages_of(ran.jobs)
    sentence = f"The bottleneck is {stages[0].name}: {stages[0].share:.0%} of all time." if stages else ""
    if as_json:
        rows = [asdict(stage) for stage in stages]
        say_json({"prompt": prompt, **asdict(figures), "stages": rows, "sentence": sentence})
    else:
        console = Console()
        console.print(profiled(stages))
        console.print(compared([figures]))
        typer.echo(sentence)
    _leave(figures.failed)


def bench(
    context: typer.Context,
    config: Annotated[
        list[Path], typer.Option(exists=True, dir_okay=False, help="A run; more than once, the baseline first.")
    ],
    png: Annotated[
        Path | None, typer.Option("--png", dir_okay=False, help="Write a picture; needs matplotlib.")
    ] = None,
    start: Start = False,
    as_json: AsJson = False,
) -> None:
    """Run the jobs that YAML files describe and compare: latency, throughput, cost, per cent better than the first."""
    from app.client.bench.comparison import ROW_NAMES, figures_of, improvement
    from app.client.bench.run_config import BadConfig, read_config
    from app.client.bench.tables import compared

    try:
        configs = [read_config(path) for path in config]
    except BadConfig as error:
        raise typer.BadParameter(str(error), param_hint="--config") from error
    figures = [figures_of(ran) for ran in _run_all(context, configs, start)]
    if png is not None:
        _picture(figures, png)
    if as_json:
        better = [{name: improvement(figures[0], each, name) for name in ROW_NAMES} for each in figures]
        rows = zip(figures, better, configs, strict=True)
        say_json(
            [
                {**asdict(each), "improvement_percent": gain, "config": asked.model_dump(exclude_none=True)}
                for each, gain, asked in rows
            ]
        )
    else:
        Console().print(compared(figures))
    _leave(sum(each.failed for each in figures))


def _run_all(context: typer.Context, configs: Sequence[RunConfig], start: bool) -> list[Run]:
    """One after another, on the service that is meant; where any has settings, each on one of its own."""
    server: Server = context.obj or Server()
    own = start or any(config.settings is not None for config in configs)
    if own and server.given_url is not None:
        raise typer.BadParameter("A service that runs has its settings: leave out --url, or `settings` and --start.")
    return [_run_one(context, config, own) for config in configs]


def _run_one(context: typer.Context, config: RunConfig, own: bool) -> Run:
    from app.client.bench.own_service import NotStarted, own_service
    from app.client.bench.runner import run

    screen = Console(stderr=True)
    server: Server = context.obj or Server()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())

    async def story(client: Kinoray) -> Run:
        with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
            task = progress.add_task(config.name, total=config.n)
            return await run(client, config, lambda: progress.advance(task))

    if own:
        screen.print(f"[dim]Starting a service for {config.name} …[/dim]", highlight=False)
    try:
        with own_service(config.settings or {}) if own else nullcontext() as url:
            context.obj = server if url is None else replace(server, given_url=url)
            try:
                return talk(context, story)
            finally:
                context.obj = server
    except NotStarted as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _picture(figures: Sequence[Any], png: Path) -> None:
    from app.client.bench.tables import picture

    try:
        picture(figures, png)
    except ImportError as error:
        typer.echo(PNG_MISSING, err=True)
        raise typer.Exit(1) from error


def _leave(failed: int) -> None:
    if failed:
        raise typer.Exit(1)
