"""`kinoray generate`: from a prompt to a file, in sight of the person who asked and stopped when they leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from app.client.client import Kinoray
from app.client.errors import CONNECTION_LOST, KinorayClientError
from app.client.progress import screen
from app.client.records import Video
from app.client.show import plain
from app.client.target import Target

CALL_OFF_S = 5.0  # how long a person who pressed Ctrl-C waits for each of two answers of the server


class Interrupted(Exception):
    """The person, or the system, wants it to end; the message says what became of the video."""


class NotWritten(OSError):
    """The video is made, and its file could not be written."""


@dataclass(frozen=True, slots=True)
class Made:
    """A completed video and where it was written."""

    video: Video
    path: Path
    took_s: float


async def generate(
    client: Kinoray, ask: Callable[[Kinoray], Awaitable[Video]], target: Target | None, console: Console
) -> Made:
    """Have a video made that `ask` asks for, and write it down, without a target in a file named after it.

    Raises:
        KinorayClientError: it was refused or has failed; `code` says why.
        NotWritten: it is made, and its file could not be written.
        Interrupted: the person called it off.
    """
    began = time.monotonic()
    asking = asyncio.ensure_future(ask(client))
    try:
        video = await asyncio.shield(asking)  # an answer on its way must not be lost: it holds the id to cancel
        _warn(video, console)
        if not video.ended:
            video = await _watch(client, video, console)
    except asyncio.CancelledError:
        raise Interrupted(await _call_off(client, asking)) from None
    if video.status != "completed":
        why = video.error
        code, message = (why.code, why.message) if why else ("unknown", "The server does not say why.")
        raise KinorayClientError(200, code, f"{video.id} failed: {message}")
    path = await _written(client, video, target or Target(Path(f"{video.id}.mp4")))
    return Made(video, path, time.monotonic() - began)


async def _written(client: Kinoray, video: Video, target: Target) -> Path:
    """Where it is now; what goes wrong only here costs nobody the video."""
    kept = f"the video is kept: `kinoray download {video.id}`"
    try:
        return await client.download_to(video.id, target)
    except OSError as error:
        raise NotWritten(error.errno, f"{error.strerror or error}; {kept}", str(target.path)) from error
    except asyncio.CancelledError:
        raise Interrupted(f"Interrupted before {target.path} was written; {kept}.") from None


def _warn(video: Video, console: Console) -> None:
    """One line of what will not be as asked, before anything is waited for."""
    if line := warned(video):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def warned(video: Video) -> str:
    """The warnings in one line; empty when all is as asked."""
    said = " ".join(plain(each.message) for each in video.warnings)
    return f"Note: {said}" if said else ""


async def _watch(client: Kinoray, video: Video, console: Console) -> Video:
    console.print(video.id, soft_wrap=True, highlight=False)
    try:
        with screen(console) as shown:
            return await client.wait(video.id, on_event=shown.see)
    except KinorayClientError as lost:
        if lost.status != 0:
            raise
        line = f"{lost.message}. {video.id} may still be going on; see `kinoray status {video.id}`"
        raise KinorayClientError(0, CONNECTION_LOST, line) from lost


async def _call_off(client: Kinoray, asking: asyncio.Future[Video]) -> str:
    """Cancel on the server what was asked of it; a sentence about how that went."""
    try:
        video = await asyncio.wait_for(asking, CALL_OFF_S)
        stopped = await asyncio.wait_for(client.cancel(video.id), CALL_OFF_S)
    except (KinorayClientError, asyncio.TimeoutError, asyncio.CancelledError) as failure:
        return f"Interrupted, but the server could not be told ({failure or 'no answer'}); see `kinoray list`."
    if stopped.status == "completed":
        return f"Interrupted; {video.id} was already done and stays on the server."
    return f"Cancelled {video.id}."


def outcome(made: Made) -> str:
    """The last line: file, seconds, cache hit, evaluations saved; and what was not as asked."""
    video = made.video
    said = [f"{video.seconds:g} s of video in {made.took_s:.1f} s" if video.seconds else f"made in {made.took_s:.1f} s"]
    said.append("cache hit" if video.cache.hit else "no cache hit")
    line = f"{made.path}: {', '.join(said + _steps(video))}"
    return f"{line}\n{note}" if (note := warned(video)) else line


def _steps(video: Video) -> list[str]:
    """Evaluations run against the model's own full run, of which a repeat runs none."""
    planned = video.optimization
    run, full = planned.evaluations or planned.budget or planned.steps, planned.fixed_default_steps
    if not (run and full):
        return []
    if video.cache.hit and video.cache.kind != "similar":
        return [f"all {full} evaluations saved"]
    return [f"{run} evaluations instead of {full} ({max(0, full - run)} saved)"]
