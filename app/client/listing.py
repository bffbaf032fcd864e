"""`kinoray list`: pages of videos and filters in, a table as wide as the terminal out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.client import show
from app.client.client import Kinoray
from app.client.records import Video
from app.client.session import AsJson, say_json, talk, video_json

LARGEST_PAGE = 100
NARROW = 100  # columns; below, a video takes two lines
UNWATCHED = 140  # columns for a pipe or a file, which have no width


class Status(str, Enum):
    """The states of a video."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which videos are wanted; None: any."""

    status: Status | None = None
    model: str | None = None
    search: str | None = None
    favourite: bool = False  # this and the next are asked of the server, which has lists of them
    tags: tuple[str, ...] = ()

    @property
    def looks(self) -> bool:
        """Whether each video has to be looked at."""
        return (self.status, self.model, self.search) != (None, None, None)

    def takes(self, video: Video) -> bool:
        """Whether a video is one of them."""
        return (
            (self.status is None or video.status == self.status.value)
            and (self.model is None or video.model == self.model)
            and (self.search is None or self.search.casefold() in video.prompt.casefold())
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Videos, and whether there may be more behind the last of them."""

    videos: tuple[Video, ...]
    more: bool


async def search(client: Kinoray, wanted: Filter, limit: int, after: str | None, order: str) -> Found:
    """The first `limit` that the filter takes, behind `after`, from as many pages as that needs."""
    found: list[Video] = []
    while True:
        left = limit - len(found)
        size = LARGEST_PAGE if wanted.looks else min(LARGEST_PAGE, left)
        page = await client.list(size, after, order, favourite=wanted.favourite, tags=wanted.tags)
        taken = [video for video in page.videos if wanted.takes(video)]
        found += taken[:left]
        if len(found) == limit or not (page.has_more and page.videos):
            return Found(tuple(found), len(taken) > left or (page.has_more and bool(page.videos)))
        after = page.last_id


def list_videos(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Go on behind this one.")] = None,
    oldest: Annotated[bool, typer.Option("--oldest-first", help="Instead of the newest.")] = False,
    status: Annotated[Status | None, typer.Option(help="Only these.")] = None,
    model: Annotated[str | None, typer.Option(help="Only those of this model.")] = None,
    words: Annotated[str | None, typer.Option("--search", metavar="WORDS", help="Only with it in the prompt.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag; with all, where given again.")] = None,
    favourite: Annotated[bool, typer.Option("--favourite", help="Only your favourites.")] = False,
    as_json: AsJson = False,
) -> None:
    """List your videos, newest first."""
    wanted = Filter(status, model, words, favourite, tuple(tag or ()))
    order = "asc" if oldest else "desc"
    found = talk(context, lambda client: search(client, wanted, limit, after, order))
    if as_json:
        say_json([video_json(video) for video in found.videos])
    else:
        _show(found.videos)
    if found.more:
        last = found.videos[-1].id
        typer.echo(f"There are more: the same with --after {show.plain(last)}, or another --limit.", err=as_json)


def _show(videos: Iterable[Video]) -> None:
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=UNWATCHED)
    if console.width >= NARROW:
        console.print(show.videos(videos))
        return
    for video in videos:
        for line in show.two_lines(video, console.width):
            console.print(Text(line), soft_wrap=True)
