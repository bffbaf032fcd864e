"""What the commands share: which service they talk to, and one line and an exit code for whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, NoReturn, TypeVar

import anyio
import typer

from app.client import show
from app.client.client import Kinoray
from app.client.errors import BAD_URL, UNREACHABLE, KinorayClientError
from app.client.generate import Interrupted
from app.client.global_options import Server
from app.client.leaving import Leaving
from app.client.records import JsonObject, Video

T = TypeVar("T")

FAILED, MISUSED = 1, 2

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def talk(context: typer.Context, story: Callable[[Kinoray], Awaitable[T]], leaving: Leaving | None = None) -> T:
    """Run a story with a client; whatever goes wrong becomes one line and an exit code.

    Ctrl-C, SIGTERM and SIGHUP cancel the story, which may say by Interrupted what became of its work.
    """
    server: Server = context.obj or Server()
    leaving = leaving or Leaving()

    async def run() -> T:
        with leaving.heeded():
            async with Kinoray(server.url(), server.api_key()) as client:
                return await story(client)

    try:
        return anyio.run(run)
    except KinorayClientError as failure:
        misused = failure.code == BAD_URL and failure.status == 0
        _fail(show.plain(failure.message) if misused else _explain(failure), failure, MISUSED if misused else FAILED)
    except OSError as failure:
        _fail(f"{failure.filename or 'file'}: {failure.strerror or failure}", failure)
    except (Interrupted, KeyboardInterrupt, asyncio.CancelledError) as stop:
        typer.echo(str(stop) or "Interrupted.", err=True)
        raise typer.Exit(leaving.status) from stop


def say_json(record: object, err: bool = False) -> None:
    """The record as JSON, for programs."""
    typer.echo(json.dumps(record, indent=2, ensure_ascii=False, default=dict), err=err)


def video_json(video: Video) -> JsonObject:
    """A video as a program wants it, what a newer server says too."""
    record = asdict(video)
    return record | dict(record.pop("extra"))


def _fail(line: str, cause: Exception, status: int = FAILED) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(status) from cause


def _explain(failure: KinorayClientError) -> str:
    if failure.code == UNREACHABLE and failure.status == 0:
        return f"{failure.message}; start one with `kinoray serve`"
    again = f" (try again in {failure.retry_after_s:.0f} s)" if failure.retry_after_s else ""
    return f"{failure.code}: {show.plain(failure.message)}{again}"
