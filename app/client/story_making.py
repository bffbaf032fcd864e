"""`kinoray story FILM`: from a file to a film, in sight of the person who asked, who may leave and let it go on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from app.client.client import Kinoray
from app.client.errors import CONNECTION_LOST, KinorayClientError
from app.client.generate import CALL_OFF_S, Interrupted, NotWritten
from app.client.leaving import Leaving
from app.client.records import JsonObject, part
from app.client.show import plain
from app.client.story_progress import StoryTree, story_screen
from app.client.target import Target

QUESTION: Final = "\nCancel it, or leave it running? [c/l] "
_ANSWER_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written: the film, or of one scene its clip as soon as there is one; and the files beside it."""

    target: Target | None
    scene: int | None = None
    beside: tuple[tuple[str, Target], ...] = ()  # variant and place, such as srt


@dataclass(frozen=True, slots=True)
class Told:
    """A film, or a scene of it, and where its files were written."""

    story: JsonObject
    paths: tuple[Path, ...]
    took_s: float
    notes: tuple[str, ...] = ()


async def make_story(
    client: Kinoray,
    ask: Callable[[Kinoray], Awaitable[JsonObject]],
    wanted: Wanted,
    console: Console,
    leaving: Leaving,
) -> Told:
    """Have a film made that `ask` asks for, and write it down, without a target in a file named after it.

    Raises:
        KinorayClientError: it was refused or has failed; `code` says why.
        NotWritten: it is made, and its file could not be written.
        Interrupted: the person called it off, or left it running.
    """
    began = time.monotonic()
    asking = asyncio.ensure_future(ask(client))
    try:
        story = await asyncio.shield(asking)  # an answer on its way must not be lost: it holds the id to cancel
        for line in warned(story):
            _say(console, line)
        _say(console, str(story["id"]))
        await watch(client, story, wanted.scene, console)
    except asyncio.CancelledError:
        raise Interrupted(await _left(client, asking, leaving)) from None
    story = await client.storyboard(str(story["id"]))
    _raise_if_failed(story, wanted.scene)
    paths, notes = await written(client, story, wanted)
    return Told(story, paths, time.monotonic() - began, notes)


def warned(story: JsonObject) -> tuple[str, ...]:
    """What is not as asked, a line for each scene that it is about."""
    told: dict[str, dict[str, None]] = {}  # several scenes may say the same
    for each in story.get("warnings") or ():
        place = plain(each.get("param") or "").partition(".")[0]
        told.setdefault(place, {})[plain(each.get("message"))] = None
    return tuple(f"Note on {place or 'the film'}: {' '.join(said)}" for place, said in told.items())


async def watch(client: Kinoray, story: JsonObject, scene: int | None, console: Console) -> None:
    """See it until it has ended, or until that scene has. Raises KinorayClientError."""
    story_id = str(story["id"])
    tree = StoryTree.of(story)
    if _is_over(tree, scene):
        return
    try:
        with story_screen(console) as screen:
            async with aclosing(client.storyboard_events(story_id)) as events:
                async for event in events:
                    tree = tree.after(event)
                    screen.see(tree)
                    if _is_over(tree, scene):
                        return
    except KinorayClientError as lost:
        if lost.status != 0:
            raise
        line = f"{lost.message}. {story_id} may still be going on; see `kinoray story status {story_id}`"
        raise KinorayClientError(0, CONNECTION_LOST, line) from lost


def _is_over(tree: StoryTree, scene: int | None) -> bool:
    row = None if scene is None else tree.scene(scene)
    return tree.status in ("completed", "failed", "deleted") or (row is not None and row.ended)


def _raise_if_failed(story: JsonObject, scene: int | None) -> None:
    """Raises KinorayClientError where what is wanted was not made."""
    story_id = plain(story["id"])
    if scene is not None:
        rows = [each for each in story.get("scenes") or () if each.get("number") == scene]
        if rows and rows[0].get("status") != "failed":
            return
        if not rows:
            raise KinorayClientError(404, "scene_not_found", f"{story_id} has no scene {scene}")
    elif story.get("status") != "failed":
        return
    why = part(story, "error")
    code, message = str(why.get("code") or "unknown"), str(why.get("message") or "The server does not say why.")
    number = why.get("scene")
    again = f"; `kinoray story retry {story_id} {number}` makes that one again" if number else ""
    raise KinorayClientError(200, code, f"{story_id} failed: {message}{again}")


async def written(client: Kinoray, story: JsonObject, wanted: Wanted) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Where the files are now, and notes about those that there are none of."""
    story_id = str(story["id"])
    name = story_id if wanted.scene is None else f"{story_id}-{wanted.scene}"
    paths = [await _kept(client, story_id, wanted.target or Target(Path(f"{name}.mp4")), "video", wanted.scene)]
    notes: list[str] = []
    for variant, target in wanted.beside:
        try:
            paths.append(await _kept(client, story_id, target, variant, None))
        except KinorayClientError as refused:
            if refused.status != 404:
                raise
            notes.append(f"There is no {variant} of it: no scene has a text.")
    return tuple(paths), tuple(notes)


async def _kept(client: Kinoray, story_id: str, target: Target, variant: str, scene: int | None) -> Path:
    """What goes wrong only here costs nobody the film. Raises NotWritten, Interrupted, KinorayClientError."""
    kept = f"the film is kept: `kinoray story download {story_id}`"
    try:
        return await client.download_storyboard_to(story_id, target, variant, scene)
    except OSError as error:
        raise NotWritten(error.errno, f"{error.strerror or error}; {kept}", str(target.path)) from error
    except asyncio.CancelledError:
        raise Interrupted(f"Interrupted before {target.path} was written; {kept}.") from None


async def _left(client: Kinoray, asking: asyncio.Future[JsonObject], leaving: Leaving) -> str:
    """Cancel it, or leave it running, as the person says; a sentence about how that went.

    Only Ctrl-C on a terminal is asked about; a second one leaves at once.
    """
    try:
        if leaving.signum == signal.SIGINT and _is_terminal() and not await _wants_cancel():
            return await _running_on(asking)
        story = await asyncio.wait_for(asyncio.shield(asking), CALL_OFF_S)
        stopped = await asyncio.wait_for(client.cancel_storyboard(str(story["id"])), CALL_OFF_S)
    except asyncio.CancelledError:
        return await _running_on(asking)
    except (KinorayClientError, asyncio.TimeoutError) as failure:
        return f"Interrupted, but the server could not be told ({failure or 'no answer'}); see `kinoray story list`."
    if stopped.get("status") == "completed":
        return f"Interrupted; {stopped['id']} was already done and stays on the server."
    return f"Cancelled {stopped['id']}; scenes that are made are kept."


async def _running_on(asking: asyncio.Future[JsonObject]) -> str:
    """What is said of a film that is left alone."""
    if not asking.done() or asking.cancelled() or asking.exception() is not None:
        asking.cancel()
        return "Left at once; what was asked for may be going on: see `kinoray story list`."
    story_id = asking.result()["id"]
    return f"Left {story_id} running; see it with `kinoray story status {story_id} --follow`."


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


async def _wants_cancel() -> bool:
    """Ask; whoever closes the terminal's input leaves it running. Raises CancelledError at another Ctrl-C."""
    loop, answers = asyncio.get_running_loop(), asyncio.Queue[str]()
    fd = sys.stdin.fileno()
    loop.add_reader(fd, lambda: answers.put_nowait(os.read(fd, _ANSWER_BYTES).decode(errors="replace")))
    try:
        while True:
            typer.echo(QUESTION, nl=False, err=True)
            answer = await answers.get()
            if answer.strip().lower() in ("c", "cancel", "y", "yes"):
                return True
            if not answer or answer.strip().lower() in ("l", "leave", "n", "no"):
                return False
    finally:
        loop.remove_reader(fd)


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, markup=False, highlight=False)


def outcome(told: Told) -> str:
    """The last lines: files, seconds, what the caches spared; and what there is none of."""
    story, usage = told.story, part(told.story, "usage")
    scenes = story.get("scenes") or ()
    said = [f"{len(scenes)} scenes", f"{plain(story.get('seconds') or 0)} s of film in {told.took_s:.1f} s"]
    if usage.get("scenes_cached"):
        said.append(f"{usage['scenes_cached']} scenes from the cache")
    if story.get("cached"):
        said.append("cache hit")
    first, *more = told.paths
    lines = [f"{first}: {', '.join(said)}", *(str(path) for path in more), *told.notes]
    return "\n".join(lines)
