"""A service's memory stores, its planner, a director over them, and a hand that makes the jobs in the line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from app.cache.keys import plan_digest, pool_of
from app.cache.memory import MemoryCache
from app.cache.results import CachedResult, ResultCache
from app.errors import KinorayError
from app.jobs.store import JobStore
from app.plan.sentences import WordSentences
from app.service.endings import fail, tell_end
from app.service.ports import Ports
from app.service.single_flight import resolve
from app.service.videos import VideoService
from app.settings import Settings
from app.stores import memory_stores
from app.storyboards.director import Director
from app.storyboards.memory_work import MemoryFilmWork
from app.storyboards.ports import FilmWork
from app.storyboards.storyboards import Storyboards
from app.types import Caller, Failure, Job, Measured, ModelProfile
from app.types.storyboard import SceneWish, Storyboard, StoryWish
from app.video.encode import encode
from tests.api.house import MODEL, Plans

CALLER = Caller("films")
PATIENCE = 60  # rounds, each of which sees all that is due and makes all that waits
MOVING = replace(MODEL, takes_image=True)


class Clock:
    """Unix seconds that the test moves; each look takes a little, so that no two jobs are of the same moment."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


async def forever(_: float) -> None:
    """A sleep that is never over: who waits for it is waked otherwise."""
    await asyncio.Event().wait()


class Stage:
    """The ports, the service and the storyboards over them."""

    def __init__(self, models: tuple[ModelProfile, ...] = (MODEL,), **settings: Any) -> None:
        self.clock = Clock()
        self.settings = Settings(default_model="shapes", **settings)
        self.stores = memory_stores(self.settings, self.clock, self.clock)
        self.cache = MemoryCache(2**22)
        self.ports = self._ports(models)
        self.work = MemoryFilmWork(self.stores.storyboards, self.stores.artifacts)
        self.service = VideoService(self.ports, self.settings, self.clock)
        self.storyboards = Storyboards(self.service, self.work, forever)
        self.made: list[Job] = []
        self.broken: set[str] = set()  # words of prompts whose jobs fail

    def _ports(self, models: tuple[ModelProfile, ...]) -> Ports:
        stores = self.stores
        planner = Plans(self.settings, stores.presets, stores.ratings, models)
        return Ports.over(stores, planner, self.cache, models, WordSentences())

    def director(self, ports: Ports | None = None, work: FilmWork | None = None) -> Director:
        """Another process."""
        service = self.service if ports is None else VideoService(ports, self.settings, self.clock)
        return Director(service, work or self.work, forever)

    async def begin(self, wish: StoryWish, key: str | None = None) -> str:
        """A storyboard after its first pass."""
        return (await self.storyboards.create(wish, CALLER, key)).view.story.id

    async def story(self, story_id: str) -> Storyboard:
        return await self.stores.storyboards.get(story_id)

    async def direct(self, director: Director | None = None) -> None:
        """One pass over each that is due, by a process that lives on whatever goes wrong."""
        director = director or self.storyboards.director
        now = self.clock()
        for story_id in await self.stores.storyboards.claim(now, now + 10.0, 100):
            with contextlib.suppress(KinorayError):
                await director.go_on(story_id)

    async def make(self, most: int = 1000) -> None:
        """Make what waits in the line, in its order."""
        for job in list(await self.stores.jobs.waiting())[:most]:
            await self._make(job)

    async def _make(self, job: Job) -> None:
        fence = (await self.stores.jobs.lease(job.id, "main", 30.0, self.clock())).fence
        if any(word in job.plan.prompt for word in self.broken):
            await fail(job.id, fence, Failure("out_of_memory", "The device is full."), self.stores, self.clock())
            return
        files = {
            "video": await self.stores.artifacts.put(f"{job.id}/{fence}/video.mp4", _mp4(job), "video/mp4"),
            "thumbnail": await self.stores.artifacts.put(f"{job.id}/{fence}/thumbnail.webp", b"t", "image/webp"),
        }
        await self.stores.board.hold(job.id, job.id)
        measured, now = Measured(device_seconds=2.0), self.clock()
        done = await self.stores.jobs.complete(job.id, fence, files, measured, now, now + 1e6)
        key = plan_digest(done.plan, pool_of(done.tenant, self.settings.share_results))
        await ResultCache(self.cache).put(key, CachedResult(job.id, files, now, 2.0), 1e6)
        self.made.append(done)
        await tell_end(done, self.stores, now)
        await resolve(plan_digest(done.plan, done.tenant), self.ports, 1e6, now)

    async def run(self, story_id: str, director: Director | None = None) -> Storyboard:
        """The storyboard at its end."""
        for _ in range(PATIENCE):
            if (story := await self.story(story_id)).phase.ended:
                return story
            await self.direct(director)
            await self.make()
            self.clock.now += 11.0
        raise AssertionError(f"not ended: {story}")

    async def jobs_on_record(self) -> Sequence[Job]:
        return (await self.stores.jobs.list(CALLER.tenant, None, 1000, False)).jobs


async def open_jobs(jobs: JobStore) -> list[Job]:
    """Those that have not ended."""
    return [job for job in (await jobs.list(CALLER.tenant, None, 1000, False)).jobs if not job.phase.ended]


def a_wish(*scenes: SceneWish | str, **changed: Any) -> StoryWish:
    """A storyboard of these scenes, or prompts."""
    made = tuple(SceneWish(each) if isinstance(each, str) else each for each in scenes)
    return replace(StoryWish(made, "The ball"), **changed)


def _mp4(job: Job) -> bytes:
    spec = job.plan.whole
    return _gray(spec.width, spec.height, spec.frames, spec.fps)


@cache
def _gray(width: int, height: int, frames: int, fps: int) -> bytes:
    return encode(np.full((frames, height, width, 3), 128, np.uint8), fps)
