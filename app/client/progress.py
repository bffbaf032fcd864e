"""A video's events in, what a person sees of them out: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.client.records import JsonObject, VideoEvent

LINES_PER_VIDEO = 10  # plain lines about steps, at most about this many

_REASONS = {
    "pool_starting": "a replica is starting",
    "no_replica": "there is no replica",
    "older_replicas": "its replicas are being updated",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a video stands, as far as its events have told."""

    phase: str = "queued"
    position: int | None = None
    step: int = 0
    total: int | None = None
    eta_s: float | None = None
    reason: str | None = None

    def after(self, event: VideoEvent) -> Standing:
        """Where it stands once that has happened."""
        data = event.data
        if event.kind == "snapshot":
            told = self._told(data, position=data.get("queue_position"), phase=data.get("phase") or self.phase)
            return replace(told, reason=data.get("queue_reason"))
        if event.kind == "queue":
            told = self._told(data, position=data.get("position"), phase="queued")
            return replace(told, reason=data.get("reason"))
        if event.kind == "step":
            return self._told(data, position=None, phase="denoising" if self.phase == "queued" else self.phase)
        if event.kind == "phase":
            return replace(self, phase=str(data.get("phase", self.phase)), position=None, eta_s=None)
        if event.kind == "end":
            return replace(self, phase=str(data.get("status", "ended")), position=None, eta_s=None)
        return self

    def _told(self, data: JsonObject, position: int | None, phase: str) -> Standing:
        step, total = data.get("step", self.step), data.get("total_steps", self.total)
        return Standing(phase, position, int(step or 0), total, data.get("eta_s"))

    def words(self) -> str:
        """One line for people."""
        said = [self.phase]
        if self.phase == "queued" and self.position is not None:
            said.append("next in line" if self.position == 0 else f"{self.position} ahead")
        if self.phase == "queued" and self.reason in _REASONS:
            said.append(_REASONS[self.reason])
        if self.phase == "denoising" and self.total:
            said.append(f"step {self.step} of {self.total}")
        if self.eta_s is not None:
            said.append(f"about {self.eta_s:.0f} s to go" if self.eta_s >= 1 else "less than a second to go")
        return ", ".join(said)


def said_of_draft(event: VideoEvent) -> str:
    """A line when a draft can be played, and when it is known what of it is kept; empty of other events."""
    data = event.data
    if event.kind == "draft":
        return f"a draft after {data.get('after_s', 0):.1f} s: kinoray download {event.video_id} --variant draft"
    if event.kind != "refine":
        return ""
    verdict = str(data.get("verdict", ""))
    if verdict == "kept":
        return f"the draft is kept: it goes on at step {data.get('from_step')} of {data.get('total_steps')}"
    return f"the draft is {verdict}: it begins at noise"


class Screen(Protocol):
    """Shows a video under way."""

    def see(self, event: VideoEvent) -> None:
        """Show what an event changes."""
        ...


class PlainLines:
    """For logs and pipes: a line when something a person would care about has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._standing = Standing()
        self._said: tuple[object, ...] = ()

    def see(self, event: VideoEvent) -> None:
        if line := said_of_draft(event):
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)
        now = self._standing = self._standing.after(event)
        tenth = now.step * LINES_PER_VIDEO // now.total if now.total and now.phase == "denoising" else 0
        news = (now.phase, now.position, tenth, now.eta_s is None)
        if news != self._said and event.kind != "end":
            self._said = news
            self._console.print(now.words(), soft_wrap=True, markup=False, highlight=False)


class LiveBar:
    """For a terminal: one bar that moves."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._standing = Standing()
        self._task = progress.add_task(self._standing.words(), total=None)

    def see(self, event: VideoEvent) -> None:
        if line := said_of_draft(event):
            self._progress.console.print(line, soft_wrap=True, markup=False, highlight=False)
        now = self._standing = self._standing.after(event)
        self._progress.update(self._task, description=now.words(), completed=now.step, total=now.total or None)


@contextmanager
def screen(console: Console) -> Iterator[Screen]:
    """The screen that suits the console; it is gone when the context ends."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield LiveBar(progress)
