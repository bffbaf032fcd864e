"""A storyboard's events in, what a person sees of them out: a tree of bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from app.client.records import JsonObject, VideoEvent, part
from app.client.show import cut, plain

TITLE_CELLS: Final = 28
BAR_CELLS: Final = 24
_REST: Final = 3  # lines of the terminal that are not for scenes
_TOLD: Final = ("speaking", "encoding", "denoising", "made", "failed")
"""Stages of a scene that are worth a plain line."""


@dataclass(frozen=True, slots=True)
class SceneRow:
    """A scene under the story: where it stands, down to the step."""

    number: int
    title: str = ""
    stage: str = "waiting"
    step: int = 0
    steps: int = 0
    progress: int = 0
    eta_s: float | None = None
    cached: bool = False
    error: str = ""

    @classmethod
    def of(cls, record: JsonObject) -> SceneRow:
        """From a scene of the API; what it does not say is as at the beginning."""
        return cls(
            number=int(record.get("number") or 0),
            title=plain(record.get("title") or record.get("prompt") or ""),
            stage=plain(record.get("stage") or "waiting"),
            step=int(record.get("step") or 0),
            steps=int(record.get("steps") or 0),
            progress=int(record.get("progress") or 0),
            eta_s=record.get("eta_seconds"),
            cached=bool(record.get("cached")),
            error=plain(part(record, "error").get("message") or ""),
        )

    @property
    def ended(self) -> bool:
        return self.stage in ("made", "failed")

    def words(self) -> str:
        """Stage, step and time to go."""
        said = [self.stage]
        if self.stage == "made" and self.cached:
            said.append("from the cache")
        if self.stage == "denoising" and self.steps:
            said.append(f"step {self.step} of {self.steps}")
        if self.error:
            said.append(self.error)
        return ", ".join(said + _to_go(self.eta_s if not self.ended else None))


@dataclass(frozen=True, slots=True)
class StoryTree:
    """Where a storyboard stands, as far as its events have told."""

    title: str = ""
    phase: str = "queued"
    status: str = "queued"
    progress: int = 0
    eta_s: float | None = None
    scenes: tuple[SceneRow, ...] = ()

    @classmethod
    def of(cls, record: JsonObject) -> StoryTree:
        """From a storyboard of the API."""
        rows = [SceneRow.of(each) for each in record.get("scenes") or () if isinstance(each, Mapping)]
        return cls(title=plain(record.get("title") or ""), scenes=tuple(rows)).told(record)

    def told(self, record: JsonObject) -> StoryTree:
        """The same with the figures of the whole that an event says."""
        return replace(
            self,
            phase=plain(record.get("phase") or self.phase),
            status=plain(record.get("status") or self.status),
            progress=int(record.get("progress") or 0),
            eta_s=record.get("eta_seconds"),
        )

    def after(self, event: VideoEvent) -> StoryTree:
        """Where it stands once that has happened."""
        data = event.data
        if event.kind == "snapshot":
            return StoryTree.of(data)
        if event.kind == "scene":
            row = SceneRow.of(part(data, "scene"))
            rows = tuple(row if each.number == row.number else each for each in self.scenes)
            return replace(self, scenes=rows, progress=int(data.get("progress") or 0), eta_s=data.get("eta_seconds"))
        if event.kind == "story":
            return self.told(data)
        if event.kind == "end":
            status = plain(data.get("status") or "ended")
            return replace(self, status=status, phase=status, eta_s=None)
        return self

    def scene(self, number: int) -> SceneRow | None:
        """The scene of that number, from 1."""
        return next((each for each in self.scenes if each.number == number), None)

    def words(self) -> str:
        """One line of the whole."""
        made = sum(each.stage == "made" for each in self.scenes)
        said = [self.phase, f"{made} of {len(self.scenes)} scenes made", f"{self.progress}%"]
        return ", ".join(said + _to_go(self.eta_s))


def _to_go(eta_s: Any) -> list[str]:
    if not isinstance(eta_s, (int, float)):
        return []
    if eta_s >= 90:
        return [f"about {eta_s / 60:.0f} min to go"]
    return [f"about {eta_s:.0f} s to go" if eta_s >= 1 else "less than a second to go"]


class StoryScreen(Protocol):
    """Shows a storyboard under way."""

    def see(self, tree: StoryTree) -> None:
        """Show where it stands now."""
        ...


class StoryLines:
    """For logs and pipes: a line when a scene, or the whole, comes to another stage."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._stages: dict[int, str] = {}

    def see(self, tree: StoryTree) -> None:
        for row in tree.scenes:
            if row.stage != self._stages.get(row.number) and row.stage in _TOLD:
                self._say(f"scene {row.number} ({cut(row.title, TITLE_CELLS)}): {row.words()}")
            self._stages[row.number] = row.stage
        if tree.phase != self._phase and tree.phase in ("making", "assembling"):
            self._say(tree.words())
        self._phase = tree.phase

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


class LiveTree:
    """For a terminal: the story's bar, and below it those of its scenes."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def see(self, tree: StoryTree) -> None:
        self._live.update(tree_table(tree, self._live.console.height - _REST), refresh=True)


def tree_table(tree: StoryTree, most: int) -> Table:
    """The tree with at most so many scenes: those under way first, and a line that counts the others."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(width=BAR_CELLS)
    table.add_column(overflow="ellipsis", no_wrap=True)
    name = cut(tree.title or "film", TITLE_CELLS)
    table.add_row(Text(name, style="bold"), ProgressBar(100, tree.progress), Text(tree.words()))
    shown = shown_rows(tree.scenes, most)
    hidden = len(tree.scenes) - len(shown)
    for at, row in enumerate(shown):
        branch = "└─" if at == len(shown) - 1 and not hidden else "├─"
        said = Text(f"{branch} {row.number} {cut(row.title, TITLE_CELLS)}")
        table.add_row(said, _bar(row), Text(row.words(), style="red" if row.stage == "failed" else ""))
    if hidden:
        table.add_row(Text(f"└─ and {hidden} more"), "", "")
    return table


def _bar(row: SceneRow) -> ProgressBar:
    waiting = row.stage in ("speaking", "encoding", "decoding", "postprocessing")
    if row.stage == "denoising" and row.steps:
        return ProgressBar(row.steps, row.step)
    return ProgressBar(100, 100 if row.stage == "made" else row.progress, pulse=waiting and not row.progress)


def shown_rows(rows: tuple[SceneRow, ...], most: int) -> tuple[SceneRow, ...]:
    """At most so many, in the story's order: of those under way and failed as many as fit, then what comes next."""
    if len(rows) <= most:
        return rows
    ranks = {True: 0, False: 1}
    by_worth = sorted(rows, key=lambda row: (ranks[row.stage not in ("waiting", "queued", "made")], row.ended))
    return tuple(sorted(by_worth[: max(1, most)], key=lambda row: row.number))


@contextmanager
def story_screen(console: Console) -> Iterator[StoryScreen]:
    """The screen that suits the console; it is gone when the context ends."""
    if not console.is_terminal:
        yield StoryLines(console)
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield LiveTree(live)
