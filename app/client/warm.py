"""`kinoray warm`: prompts in, one video of each in the server's cache, made when nobody else needs the devices."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.client.client import Kinoray
from app.client.errors import BAD_URL, UNREACHABLE, KinorayClientError
from app.client.generate import Interrupted
from app.client.options import CreateOptions
from app.client.records import Video
from app.client.session import AsJson, say_json, talk
from app.client.show import plain
from app.client.words import TIERS, tiers

BUSY = 429
PAUSE_S = 5.0  # before a prompt is sent again that the server had no room for, where it does not say how long
FAILURES_TOLD = 20
FATAL = (401, 403)  # what would be answered to every prompt
MADE, THERE, FAILED = "made", "already there", "failed"


@dataclass(slots=True)
class Warmed:
    """How many prompts ended how, and why some failed."""

    count: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def words(self) -> str:
        """One line for people."""
        return ", ".join(f"{self.count[outcome]} {outcome}" for outcome in (MADE, THERE, FAILED))


def prompts_in(lines: Iterable[str]) -> list[str]:
    """One prompt a line, each once; blank lines and those that begin with # do not count."""
    stripped = (line.strip() for line in lines)
    return list(dict.fromkeys(line for line in stripped if line and not line.startswith("#")))


async def warm(
    client: Kinoray, prompts: Iterable[str], options: CreateOptions, at_once: int, console: Console
) -> Warmed:
    """Ask for a video of each, at most `at_once` under way; the answer says how that went.

    Raises:
        KinorayClientError: the server cannot be reached or takes nothing from this caller.
        Interrupted: the person called it off; what is under way goes on.
    """
    left, warmed = deque(prompts), Warmed()
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(warmed.words(), total=len(left))

        async def work() -> None:
            while left:
                outcome = await _one(client, left.popleft(), options, warmed)
                warmed.count[outcome] += 1
                progress.update(task, advance=1, description=warmed.words())

        workers = [asyncio.ensure_future(work()) for _ in range(min(at_once, len(left)))]
        try:
            await asyncio.gather(*workers)
        except asyncio.CancelledError:
            raise Interrupted(f"Interrupted: {warmed.words()}; what was under way goes on.") from None
        finally:
            for worker in workers:
                worker.cancel()
    return warmed


async def _one(client: Kinoray, prompt: str, options: CreateOptions, warmed: Warmed) -> str:
    try:
        video = await _asked(client, prompt, options)
        if not video.ended:
            video = await client.wait(video.id)
    except KinorayClientError as failure:
        if failure.status in FATAL or (failure.status == 0 and failure.code in (UNREACHABLE, BAD_URL)):
            raise
        return _failed(warmed, prompt, failure.message)
    if video.status == "completed":
        return THERE if video.cache.hit else MADE
    return _failed(warmed, prompt, video.error.message if video.error else "the server does not say why")


async def _asked(client: Kinoray, prompt: str, options: CreateOptions) -> Video:
    """The video asked for, as soon as the server has room for it."""
    while True:
        try:
            return await client.create(prompt, **options)
        except KinorayClientError as busy:
            if busy.status != BUSY:
                raise
            pause_s = PAUSE_S if busy.retry_after_s is None else busy.retry_after_s
            await asyncio.sleep(pause_s * random.uniform(1.0, 1.1))  # not all at the same moment


def _failed(warmed: Warmed, prompt: str, why: str) -> str:
    if len(warmed.failures) < FAILURES_TOLD:
        warmed.failures.append(f"{plain(prompt[:60])}: {plain(why)}")
    return FAILED


def warm_command(
    context: typer.Context,
    prompts: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file with one prompt a line.")],
    tier: Annotated[str | None, typer.Option(help=TIERS, autocompletion=tiers)] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT.")] = None,
    style: Annotated[str | None, typer.Option(help="The id of a style; see `kinoray styles`.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model.")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Videos under way at a time.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Fill the cache: make a video of each prompt in a file at low priority, unless it is there already."""
    try:
        wanted = prompts_in(prompts.read_text("utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{prompts} is not UTF-8 text", param_hint="PROMPTS") from error
    options: CreateOptions = {"priority": "low", "quality_tier": tier, "size": size, "style": style, "model": model}
    screen = Console(stderr=True)
    warmed = talk(context, lambda client: warm(client, wanted, options, at_once, screen))
    for line in warmed.failures:
        typer.echo(line, err=True)
    counts = {outcome.replace(" ", "_"): warmed.count[outcome] for outcome in (MADE, THERE, FAILED)}
    say_json({**counts, "failures": warmed.failures}) if as_json else typer.echo(warmed.words())
    if warmed.count[FAILED]:
        raise typer.Exit(1)
