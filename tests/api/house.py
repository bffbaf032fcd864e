"""A whole service in this process: the shipped in-memory ports, a planner, and a hand that completes jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from app.access.opening import memory_access
from app.api.app import create_app
from app.artifacts.memory import MemoryArtifacts
from app.cache.keys import plan_digest, pool_of
from app.cache.memory import MemoryCache
from app.cache.results import CachedResult, ResultCache
from app.health.history import MemoryHistory
from app.jobs.board import MemoryBoard
from app.jobs.events import TENANT_KEPT
from app.jobs.failures import MemoryFailures
from app.jobs.flights import MemoryFlights
from app.jobs.memory import MemoryEvents, MemoryJobs, MemoryStops
from app.jobs.outbox import MemoryOutbox
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.usage import MemoryUsage
from app.models.postprocessing import limits_of
from app.plan.catalogue import Catalogue
from app.plan.draft import PlanningContext, draft
from app.plan.feedback.feedback import fading_of
from app.plan.feedback.ratings import MemoryRatings, Ratings
from app.plan.prompt.enhance import RuleEnhancer
from app.plan.sentences import WordSentences
from app.plan.styles.presets import MemoryPresets, Presets
from app.plan.tables import NO_TABLES
from app.service.endings import fail
from app.service.ports import Check, Ports
from app.service.single_flight import resolve
from app.service.videos import VideoService
from app.settings import Settings
from app.storyboards.storyboards import Storyboards
from app.telemetry import MemoryMeter
from app.types import Artifact, Caller, Failure, Job, Measured, ModelProfile, Phase, Plan, VideoRequest
from app.uploads.files import MemoryFileUploads
from app.uploads.fit import AdapterFits, FitsAll
from app.uploads.loras import MemoryLoraUploads
from app.video.preview import stills
from tests.api.films import FilmHand

MODEL = ModelProfile(
    id="shapes",
    family="embedded",
    revision="1",
    sizes=((64, 64), (96, 64)),
    frames=(9, 17),
    fps=(4, 16),
    default_frames=17,
    default_fps=8,
    guidance=3.0,
    shift=3.0,
)
PICTURES = ModelProfile(
    id="stills",
    family="z-image",
    revision="1",
    sizes=((64, 64), (96, 64)),
    frames=(1,),
    fps=(1, 1),
    default_frames=1,
    default_fps=1,
    guidance=1.0,
    shift=3.0,
    samplers=("euler",),
)
VIDEO = bytes(range(256)) * 10
THUMBNAIL = b"a small picture"
FITS_ALL = FitsAll()


class Plans:
    """The Planner port over `draft`."""

    def __init__(
        self, settings: Settings, presets: Presets, ratings: Ratings, models: tuple[ModelProfile, ...]
    ) -> None:
        self._ratings = ratings
        self._context = PlanningContext(
            catalogue=Catalogue(models, settings.default_name, settings.aliases),
            limits=settings,
            presets=presets,
            enhancer=RuleEnhancer(settings.max_prompt_chars),
            draw_seed=lambda: 7,
            tables=NO_TABLES,
            frames=limits_of(settings),
        )

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        return await draft(request, caller, self._context, {}, await self._ratings.leanings())


class House:
    """The ports, the application over them, and what a replica would do to a job."""

    def __init__(
        self,
        checks: dict[str, Check] | None = None,
        models: tuple[ModelProfile, ...] = (MODEL,),
        told: int = TENANT_KEPT,
        video: bytes = VIDEO,
        fits: AdapterFits = FITS_ALL,
        clock: Callable[[], float] | None = None,
        **settings: Any,
    ) -> None:
        self.models, self._video = models, video
        self.settings = Settings(default_model="shapes", model_aliases={"sora-2": "shapes"}, **settings)
        self.jobs, self.stops = MemoryJobs(), MemoryStops()
        self.events = MemoryEvents(jobs=self.jobs, tenant_limit=told)
        self.artifacts, self.cache = MemoryArtifacts(), MemoryCache(2**20)
        self.board, self.meter = MemoryBoard(), MemoryMeter()
        self.flights = MemoryFlights(self.jobs)
        self.usage = MemoryUsage()
        self.outbox = MemoryOutbox(self.jobs)
        self.failures, self.history = MemoryFailures(), MemoryHistory()
        self.storyboards = MemoryStoryboards(self.jobs.outbox, self.board.holds, meter=self.meter)
        self.presets = MemoryPresets()
        self.loras, self.fits = MemoryLoraUploads(), fits
        self.uploads = MemoryFileUploads()
        self.ratings = MemoryRatings(fading_of(self.settings))
        self.service = VideoService(self._ports(), self.settings, clock or _ticking())
        self.access = memory_access(self.settings)
        self.films = FilmHand(self.storyboards, self.artifacts)
        self.boards = Storyboards(self.service, self.films)
        self.app: FastAPI = create_app(
            self.service, self.settings, checks or {}, access=self.access, boards=self.boards
        )

    def _ports(self) -> Ports:
        return Ports(
            planner=Plans(self.settings, self.presets, self.ratings, self.models),
            cache=self.cache,
            jobs=self.jobs,
            events=self.events,
            stops=self.stops,
            artifacts=self.artifacts,
            board=self.board,
            flights=self.flights,
            meter=self.meter,
            usage=self.usage,
            outbox=self.outbox,
            models=self.models,
            presets=self.presets,
            sentences=WordSentences(),
            ratings=self.ratings,
            loras=self.loras,
            uploads=self.uploads,
            fits=self.fits,
            storyboards=self.storyboards,
            failures=self.failures,
            history=self.history,
        )

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A client that talks to the application without a socket; what it raises is an answer of 500."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://kinoray", **options)

    async def run(self, job_id: str, step: int = 3) -> int:
        """Start an attempt and take it to a step; returns the fence."""
        lease = await self.jobs.lease(job_id, "main", 30, time.time())
        await self.events.append(job_id, "phase", time.time(), {"phase": "denoising"})
        await self.jobs.advance(job_id, lease.fence, Phase.DENOISING, time.time(), step, 4.0)
        await self.step(job_id, step)
        return lease.fence

    async def step(self, job_id: str, number: int) -> None:
        """Tell of a step as a replica does: of as many as the job's plan has, like its record."""
        told = {"step": number, "total_steps": await self.steps(job_id), "eta_s": 4.0}
        await self.events.append(job_id, "step", time.time(), told)

    async def steps(self, job_id: str) -> int:
        """How many steps the job's plan has."""
        return (await self.jobs.get(job_id)).plan.sampling.steps

    async def fail(self, job_id: str, failure: Failure) -> Job:
        """End an attempt at the job as a replica does that cannot make it."""
        lease = await self.jobs.lease(job_id, "main", 30, time.time())
        return await fail(job_id, lease.fence, failure, self.service.ports, self.service.now())

    async def complete(self, job_id: str) -> Job:
        """Make the job's files and close it, as the finisher does."""
        fence = await self.run(job_id)
        video = await self.artifacts.put(f"{job_id}/{fence}/video.mp4", self._video, "video/mp4")
        thumbnail = await self.artifacts.put(f"{job_id}/{fence}/thumbnail.webp", THUMBNAIL, "image/webp")
        measured = Measured({"queue": 0.5, "denoise": 2.0, "finish": 0.1, "total": 2.6}, 2.0, 3 * 2**20, 25)
        files = {"video": video, "thumbnail": thumbnail} | await self._stills(job_id, fence)
        done = await self.jobs.complete(job_id, fence, files, measured, time.time(), time.time() + 60)
        await self.events.append(job_id, "end", time.time(), {"status": "completed"})
        if done.wishes.cache.writes:
            result = CachedResult(job_id, files, time.time(), 2.0)
            key = plan_digest(done.plan, pool_of(done.tenant, self.settings.share_results))
            await ResultCache(self.cache).put(key, result, 60)
        await self.board.hold(job_id, job_id)
        await self.resolve(done)
        return done

    async def _stills(self, job_id: str, fence: int) -> dict[str, Artifact]:
        """The pictures of a job of one frame: a gray one."""
        spec = (await self.jobs.get(job_id)).plan.spec
        if spec.frames != 1:
            return {}
        made = stills(np.full((spec.height, spec.width, 3), 128, np.uint8))
        return {
            kind: await self.artifacts.put(f"{job_id}/{fence}/{kind}.{kind}", content, f"image/{kind}")
            for kind, content in made.items()
        }

    async def go_on(self, story_id: str) -> None:
        """What a director does about a storyboard that was woken: one pass over it."""
        now = self.service.now()
        await self.storyboards.wake(story_id, now)
        assert story_id in await self.storyboards.claim(now, now + 10, 100)
        await self.boards.director.go_on(story_id)

    async def settled(self) -> None:
        """What requests still do whose clients have left is done."""
        assert await self.app.state.background.settled(10.0)

    async def resolve(self, job: Job) -> None:
        """What the finisher and the dispatcher do when a job has ended."""
        await resolve(plan_digest(job.plan, job.tenant), self.service.ports, 60.0, time.time())

    async def count(self, tenant: str = "public") -> int:
        """Jobs on record."""
        return len((await self.jobs.list(tenant, None, 100, True)).jobs)


def _ticking() -> Callable[[], float]:
    """A clock of which no two jobs get the same second."""
    now = time.time() - 10_000

    def tick() -> float:
        nonlocal now
        now += 1
        return now

    return tick
