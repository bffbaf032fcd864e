"""`kinoray report`: where a video's time went, as a waterfall in the terminal, JSON or a picture."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.client.report import VideoReport
from app.client.session import AsJson, say_json, talk
from app.client.video_commands import VideoId
from app.client.waterfall import PNG_MISSING, picture, waterfall

UNWATCHED = 140  # columns for a pipe or a file, which have no width

Png = Annotated[Path | None, typer.Option("--png", dir_okay=False, help="Write a picture of it; needs matplotlib.")]


def report(context: typer.Context, video_id: VideoId, png: Png = None, as_json: AsJson = False) -> None:
    """Show where a video's time went: stages, waits, replicas, and the bottleneck in a sentence."""
    found = talk(context, lambda client: client.report(video_id))
    if png is not None:
        write_picture(found, png)
    if as_json:
        say_json(report_json(found))
        return
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=UNWATCHED)
    console.print(waterfall(found, console.width))


def report_json(found: VideoReport) -> dict[str, object]:
    """The report as a program wants it, what a newer server says too."""
    record = asdict(found)
    return record | dict(record.pop("extra"))


def write_picture(found: VideoReport, png: Path) -> None:
    """The picture, or a sentence and exit code 1 where there can be none."""
    try:
        picture(found, png)
    except ImportError as error:
        typer.echo(PNG_MISSING, err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{png}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error
