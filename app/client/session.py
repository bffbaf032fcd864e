"""What the commands share: which service they talk to, and one line and an exit code for whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import anyio
import typer

from app.client import show
from app.client.client import Kinoray
from app.client.errors import UNREACHABLE, KinorayClientError
from app.client.generate import Interrupted

T = TypeVar("T")

LOCAL_URL = "http://127.0.0.1:8000"
INTERRUPTED = 130  # the shell's code for Ctrl-C


@dataclass(frozen=True, slots=True)
class Server:
    """Which service the commands talk to."""

    url: str
    api_key: str | None


def talk(context: typer.Context, story: Callable[[Kinoray], Awaitable[T]]) -> T:
    """Run a story with a client; whatever goes wrong becomes one line and an exit code."""
    server: Server = context.obj

    async def run() -> T:
        async with Kinoray(server.url, server.api_key) as client:
            return await story(client)

    try:
        return anyio.run(run)
    except KinorayClientError as failure:
        _fail(_explain(failure), failure)
    except OSError as failure:
        _fail(f"{failure.filename or 'file'}: {failure.strerror or failure}", failure)
    except (Interrupted, KeyboardInterrupt) as stop:
        typer.echo(str(stop) or "Interrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from stop


def say_json(record: object) -> None:
    """The record as JSON, for programs."""
    typer.echo(json.dumps(record, indent=2, ensure_ascii=False))


def _fail(line: str, cause: Exception) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(1) from cause


def _explain(failure: KinorayClientError) -> str:
    if failure.code == UNREACHABLE and failure.status == 0:
        return f"{failure.message}; start one with `kinoray serve`"
    again = f" (try again in {failure.retry_after_s:.0f} s)" if failure.retry_after_s else ""
    return f"{failure.code}: {show.plain(failure.message)}{again}"
