"""A person who types `kinoray story …` in front of a whole application that is served over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner, Result

from app.client.cli import app
from app.types import Failure
from app.types.storyboard import Storyboard
from tests.api.house import House
from tests.api.served import served
from tests.waiting import until

TWO = """\
title: Two
scenes:
  - title: First
    prompt: a red ball bounces
    narration: Once there was a ball.
  - prompt: a blue square spins
    caption: It met a square.
"""


@dataclass
class Street:
    """A house that is served, and a person who types."""

    house: House
    url: str
    folder: Path

    def film(self, text: str = TWO, name: str = "film.yaml") -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def out(self, name: str = "film.mp4") -> str:
        return str(self.folder / name)

    def typing(self, *words: str, stdin: str | None = None, verb: str = "story") -> asyncio.Future[Result]:
        """The command, beside this."""

        def run() -> Result:
            return CliRunner().invoke(app, ["--url", self.url, verb, *words], input=stdin, env={"COLUMNS": "200"})

        return asyncio.get_running_loop().run_in_executor(None, run)

    async def typed(self, *words: str, stdin: str | None = None) -> Result:
        return await self.typing(*words, stdin=stdin)

    async def begun(self) -> Storyboard:
        """The storyboard, once its scenes are under way."""

        async def look() -> Storyboard | None:
            page = await self.house.storyboards.list("public", None, 1, True)
            found = page.stories[0] if page.stories else None
            return found if found and all(scene.job_ids for scene in found.scenes) else None

        found = await until(look)
        assert found is not None
        return found

    async def make(self, *but: int) -> None:
        """Make the clips of all scenes, and the film."""
        story = await self.begun()
        for number, scene in enumerate(story.scenes, 1):
            if number not in but and not (await self.house.jobs.get(scene.job_ids[-1])).phase.ended:
                await self.house.complete(scene.job_ids[-1])
        await self.go_on(story.id)

    async def go_on(self, story_id: str) -> None:
        """One pass of a director over it, as soon as whoever took the request has let go of it."""
        stories = self.house.storyboards

        async def claimed() -> bool:
            now = time.time()
            await stories.wake(story_id, now)
            return story_id in await stories.claim(now, now + 10, 100)

        await until(claimed)
        await self.house.boards.director.go_on(story_id)

    async def break_scene(self, number: int) -> None:
        story = await self.begun()
        job_id = story.scenes[number - 1].job_ids[-1]
        fence = await self.house.run(job_id)
        await self.house.jobs.fail(job_id, fence, Failure("generation_failed", "It went wrong."), time.time())
        await self.house.events.append(job_id, "end", time.time(), {"status": "failed"})


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Street]:
    """A street whose person types in that folder."""
    house = House(clock=time.time)
    async with served(house) as server:
        yield Street(house, server.url, folder)
