"""The commands about videos that there are: list, status, rate, cancel, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from app.client import show
from app.client.client import Kinoray
from app.client.records import Health, JsonObject, Video
from app.client.session import say_json, talk


def list_videos(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List your videos, newest first."""
    page = talk(context, lambda client: client.list(limit))
    if as_json:
        say_json([_record(video) for video in page.videos])
        return
    Console().print(show.videos(page.videos))
    if page.has_more:
        typer.echo("There are more; see --limit.")


def _record(video: Video) -> Mapping[str, object]:
    record = asdict(video)
    return record | dict(record.pop("extra"))


def status(
    context: typer.Context,
    video_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A video; without one, the service.")] = None,
) -> None:
    """Show how a video stands, or how the service is (exit code 1 when not well)."""
    console = Console()
    if video_id is not None:
        wanted = video_id
        console.print(show.video(talk(context, lambda client: client.retrieve(wanted))))
        return
    health, stats = talk(context, _service)
    console.print(show.health(health))
    if stats:
        console.print(show.facts(stats, "since the start"))
    if not health.ok:
        raise typer.Exit(1)


async def _service(client: Kinoray) -> tuple[Health, JsonObject]:
    health = await client.health()
    return health, (await client.stats() if health.ok else {})


def rate(
    context: typer.Context,
    video_id: Annotated[str, typer.Argument(metavar="ID")],
    score: Annotated[int, typer.Argument(min=1, max=5, help="1 (bad) to 5 (good).")],
    reason: Annotated[
        list[str] | None,
        typer.Option(help="too_rough, wrong_motion, off_prompt, too_slow or good_enough; may be given more than once."),
    ] = None,
) -> None:
    """Say what you think of a video; budgets follow what people say."""
    said = talk(context, lambda client: client.rate(video_id, score, reason or ()))
    typer.echo(f"Rated {video_id}: {said.get('score', score)} of 5.")


def cancel(context: typer.Context, video_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Stop making a video; its record stays."""
    video = talk(context, lambda client: client.cancel(video_id))
    done = video.error is not None and video.error.code == "cancelled"
    typer.echo(f"Cancelled {video.id}." if done else f"{video.id} had already ended: {video.status}.")


def delete(context: typer.Context, video_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Stop a video if need be and forget it and its files."""
    talk(context, lambda client: client.delete(video_id))
    typer.echo(f"Deleted {video_id}.")
