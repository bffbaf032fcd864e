"""`kinoray generate`: from a prompt to a file, in sight of the person who asked and stopped when they leave."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from rich.console import Console

from app.client.client import Kinoray
from app.client.errors import CONNECTION_LOST, KinorayClientError
from app.client.options import CreateOptions
from app.client.progress import screen
from app.client.records import Video
from app.client.show import plain

CALL_OFF_S = 5.0  # how long a person who pressed Ctrl-C waits for the server


class Interrupted(Exception):
    """The person pressed Ctrl-C; the message says what became of the video."""


async def generate(client: Kinoray, prompt: str, options: CreateOptions, target: Path | None, console: Console) -> str:
    """Make a video and write it down; the answer is the line that says so.

    Raises:
        KinorayClientError: it was refused or has failed; `code` says why.
        Interrupted: the person called it off.
    """
    began = time.monotonic()
    asking = asyncio.ensure_future(client.create(prompt, **options))
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
    path = await client.download(video.id, target or Path(f"{video.id}.mp4"))
    return outcome(video, path, time.monotonic() - began)


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
    except (KinorayClientError, asyncio.TimeoutError) as failure:
        return f"Interrupted, but the server could not be told ({failure or 'no answer'}); see `kinoray list`."
    if stopped.status == "completed":
        return f"Interrupted; {video.id} was already done and stays on the server."
    return f"Cancelled {video.id}."


def outcome(video: Video, path: Path, took_s: float) -> str:
    """The last line: file, seconds, cache hit, evaluations saved; and what was not as asked."""
    said = [f"{video.seconds:g} s of video in {took_s:.1f} s" if video.seconds else f"made in {took_s:.1f} s"]
    said.append("cache hit" if video.cache.hit else "no cache hit")
    steps = _steps(video)
    line = f"{path}: {', '.join(said + steps)}"
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
