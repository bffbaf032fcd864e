"""The request's story with every port injected: submit, get, list, follow, cancel, delete, read, explain."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import anyio

from app.artifacts.store import ArtifactStore
from app.cache.keys import plan_digest
from app.cache.results import CachedResult, ResultCache
from app.cache.store import RESULTS, ByteCache
from app.errors import ContentNotReady, JobNotFound, NotFound, Overloaded, TimedOut
from app.jobs.board import BACKLOG, PLACES, Board
from app.jobs.events import EventLog, StopSignals
from app.jobs.store import JobStore
from app.line.outlook import behind_all, expected_s, place_behind, place_in
from app.plan.degrade import in_time
from app.plan.presets import Presets
from app.plan.ratings import Ratings
from app.plan.sentences import Sentences
from app.plan.styled import count_use
from app.settings import Settings
from app.telemetry import CACHE_HITS, CACHE_MISSES, JOBS_CREATED, JOBS_ENDED, STEP_SECONDS_SAVED, TIERS, Meter
from app.types import (
    Artifact,
    CacheUse,
    Caller,
    Event,
    Failure,
    Job,
    ModelProfile,
    Page,
    Phase,
    Plan,
    VideoRequest,
)

CANCELLED = Failure("cancelled", "The job was cancelled.")
FOLLOW_BLOCK_S = 5.0  # how long one wait for the next event lasts before the record is looked at again


class Planner(Protocol):
    """Turns a request into a plan; the PromptAnalyzer deployment, or `app.plan` in this process."""

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        """Raises InvalidRequest and its kin."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that the service reaches outside itself."""

    planner: Planner
    cache: ByteCache
    jobs: JobStore
    events: EventLog
    stops: StopSignals
    artifacts: ArtifactStore
    board: Board
    meter: Meter
    models: tuple[ModelProfile, ...]
    presets: Presets
    sentences: Sentences
    ratings: Ratings


@dataclass(frozen=True, slots=True)
class Outlook:
    """Jobs before this one in the line (None unless it waits), and seconds until it is done, as predicted."""

    position: int | None
    eta_s: float | None


class VideoService:
    """What a Router does; it holds no state of its own, so any replica can answer."""

    def __init__(self, ports: Ports, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.ports = ports
        self.settings = settings
        self._clock = clock
        self._results = ResultCache(ports.cache)

    async def submit(self, request: VideoRequest, caller: Caller) -> Job:
        """Accept a request: planned, looked up, admitted, recorded. When this returns, the job is durable.

        Raises:
            InvalidRequest: the prompt or a parameter cannot be served.
            Overloaded: the predicted wait or the line is too long.
            StoreUnavailable: Redis does not answer; nothing was accepted.
        """
        # 1. Plan
        plan = await self.analyze(request, caller)
        now = self._clock()
        job = Job(
            id=f"video_{uuid.uuid4().hex}",
            tenant=caller.tenant,
            plan=plan,
            phase=Phase.QUEUED,
            created_at=now,
            remixed_from=request.remixed_from,
            cache_mode=request.cache,
            cache_ttl_s=request.cache_ttl_s,
            priority=request.priority,
            deadline=None if request.deadline_s is None else now + request.deadline_s,
            preview=request.preview,
            user=request.user,
        )
        # 2. The same plan made before?
        if request.cache.reads:
            made = await self._repeat(job)
            if made is not None:
                return made
        # 3. Admission
        await self._admit(plan)
        # 4. The record, before anyone is told
        await self.ports.jobs.create(job)
        await self.ports.meter.add({JOBS_CREATED: 1, f"{TIERS}:{plan.tier}": 1, f"{CACHE_MISSES}:{RESULTS}": 1})
        await count_use(plan.style, caller, self.ports.presets, now)
        return job

    async def _repeat(self, job: Job) -> Job | None:
        """A completed job made from a stored result of the same plan, or None."""
        key = plan_digest(job.plan, job.tenant)
        found = await self._results.get(key)
        if found is None:
            return None
        await self.ports.board.hold(found.job_id, job.id)  # before the look, so that a delete in between cannot win
        if not await self._readable(found):
            await self.ports.board.release(found.job_id, job.id)
            await self._results.drop(key)
            return None
        saved = job.plan.estimate.step_seconds
        done = replace(
            job,
            phase=Phase.COMPLETED,
            step=job.plan.sampling.steps,
            started_at=job.created_at,
            completed_at=self._clock(),
            expires_at=job.created_at + self.settings.retention_s,
            artifacts=found.artifacts,
            cache=CacheUse(kind="result", hit=True, saved_step_seconds=saved),
        )
        await self.ports.jobs.create(done)
        await count_use(done.plan.style, Caller(done.tenant), self.ports.presets, done.created_at)
        await self.ports.meter.add(
            {
                JOBS_CREATED: 1,
                f"{TIERS}:{job.plan.tier}": 1,
                f"{JOBS_ENDED}:completed": 1,
                f"{CACHE_HITS}:{RESULTS}": 1,
                STEP_SECONDS_SAVED: saved,
            }
        )
        return done

    async def _readable(self, found: CachedResult) -> bool:
        video = found.artifacts.get("video")
        return video is not None and await self.ports.artifacts.exists(video)

    async def _admit(self, plan: Plan) -> None:
        """Refuse what would wait too long. Without a note from the dispatcher everything is admitted."""
        backlog = await self.ports.board.look(BACKLOG)
        if backlog is None:
            return
        wait_s = float(backlog["wait_s"])
        if wait_s > self.settings.max_wait_s or int(backlog["jobs"]) >= self.settings.max_queued:
            message = f"Too much is waiting: a new job would start in about {wait_s:.0f} s."
            raise Overloaded(message, retry_after_s=max(1.0, min(wait_s - self.settings.max_wait_s, 600.0)))

    async def get(self, job_id: str, caller: Caller) -> Job:
        """The job's record. Raises JobNotFound."""
        return await self.ports.jobs.get(job_id, caller.tenant)

    async def outlook(self, job: Job) -> Outlook:
        """Where a job stands and when it will be done, as far as is known. Raises StoreUnavailable."""
        if job.phase is not Phase.QUEUED:
            return Outlook(None, job.eta_s)
        note = await self.ports.board.look(PLACES)
        place = place_in(note, job.id)
        if place is None:  # it has just come, is far back, or nobody has looked at the line lately
            position = await self.ports.jobs.position(job.id)
            if position is None:  # it is being taken out of the line right now
                return Outlook(None, job.plan.estimate.seconds)
            place = place_behind(note, await self.ports.board.look(BACKLOG), position, job.plan)
        return Outlook(*place)

    async def list(self, caller: Caller, after: str | None, limit: int, newest_first: bool) -> Page:
        """A page of the caller's jobs."""
        return await self.ports.jobs.list(caller.tenant, after, limit, newest_first)

    async def follow(self, job_id: str, caller: Caller, after: str | None = None) -> AsyncIterator[Event]:
        """Events of a job from the start or behind `after`, ending with kind "end". Raises JobNotFound at once."""
        await self.get(job_id, caller)
        last = after
        block_s = 0.0
        while True:
            for event in await self.ports.events.read(job_id, last, block_s):
                yield event
                last = event.id
                if event.kind == "end":
                    return
            block_s = FOLLOW_BLOCK_S
            job = await self._still_there(job_id, caller)
            if job is None or job.phase.ended:
                # Whoever ended it may have died before saying so, or is saying so right now.
                for event in await self.ports.events.read(job_id, last, 0.0):
                    yield event
                    last = event.id
                    if event.kind == "end":
                        return
                yield self._end(job_id, job, last)
                return

    async def _still_there(self, job_id: str, caller: Caller) -> Job | None:
        try:
            return await self.get(job_id, caller)
        except JobNotFound:
            return None

    def _end(self, job_id: str, job: Job | None, last: str | None) -> Event:
        data: dict[str, Any] = {"status": job.status.value if job else "deleted"}
        if job is not None and job.failure is not None:
            data["error"] = {"code": job.failure.code, "message": job.failure.message}
        return Event(id=last or "0-0", job_id=job_id, kind="end", at=self._clock(), data=data)

    async def wait(self, job_id: str, caller: Caller, timeout_s: float) -> Job:
        """The job once it has ended. Raises TimedOut (the job goes on) and JobNotFound (it was deleted)."""
        with anyio.move_on_after(timeout_s) as scope:
            async for _ in self.follow(job_id, caller):
                pass
        if scope.cancelled_caught:
            raise TimedOut(f"{job_id} is still being made; poll it.")
        return await self.get(job_id, caller)

    async def cancel(self, job_id: str, caller: Caller) -> Job:
        """End a job that has not ended; its device is free within one step. Raises JobNotFound."""
        before = await self.get(job_id, caller)
        job = await self.ports.jobs.cancel(job_id, caller.tenant, CANCELLED, self._clock())
        if not before.phase.ended:
            await self.ports.stops.send(job_id)
            await self.ports.events.append(job_id, "end", self._clock(), self._end(job_id, job, None).data)
            await self.ports.meter.add({f"{JOBS_ENDED}:{CANCELLED.code}": 1})
        return job

    async def delete(self, job_id: str, caller: Caller) -> None:
        """Cancel if need be, and forget the job; artifacts go unless another job was answered with them."""
        job = await self.ports.jobs.delete(job_id, caller.tenant)
        if not job.phase.ended:
            await self.ports.stops.send(job_id)
        await self.ports.events.forget(job_id)
        await forget_artifacts(job, self.ports.board, self.ports.artifacts)

    async def artifact(self, job_id: str, caller: Caller, variant: str) -> Artifact:
        """What the job made. Raises JobNotFound, ContentNotReady, NotFound (expired)."""
        job = await self.get(job_id, caller)
        if job.phase is not Phase.COMPLETED:
            why = f"failed: {job.failure.message}" if job.failure else f"is {job.status}"
            raise ContentNotReady(f"{job_id} has no content; it {why}")
        artifact = job.artifacts.get(variant)
        if artifact is None or not await self.ports.artifacts.exists(artifact):
            raise NotFound(f"The {variant} of {job_id} is no longer stored.", code="content_gone")
        return artifact

    def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes of an artifact."""
        return self.ports.artifacts.read(artifact, start, end)

    async def remix(self, job_id: str, prompt: str, caller: Caller) -> Job:
        """A new job like an earlier one (same model, shape, tier and seed) with another prompt. Raises JobNotFound."""
        source = (await self.get(job_id, caller)).plan
        request = VideoRequest(
            prompt=prompt,
            model=source.model,
            negative_prompt=source.negative_prompt,
            width=source.spec.width,
            height=source.spec.height,
            frames=source.spec.frames,
            fps=source.spec.fps,
            seed=source.sampling.seed,
            guidance=source.sampling.guidance,
            tier=source.asked_tier,
            remixed_from=job_id,
        )
        return await self.submit(request, caller)

    async def analyze(self, request: VideoRequest, caller: Caller) -> Plan:
        """The plan a request would get now, without making anything."""
        plan = await self.ports.planner.plan(request, caller)
        if not request.allow_degrade:
            return plan
        load = await self.ports.board.look(BACKLOG)
        return await in_time(
            request,
            plan,
            expected_s=lambda each: expected_s(load, behind_all(load, each), each),
            replan=lambda lower: self.ports.planner.plan(lower, caller),
        )


async def forget_artifacts(job: Job, board: Board, artifacts: ArtifactStore) -> None:
    """Remove a gone job's artifacts unless another job was answered with them and still needs them."""
    for origin in {artifact.key.split("/", 1)[0] for artifact in job.artifacts.values()}:
        if not await board.release(origin, job.id):
            return
    for artifact in job.artifacts.values():
        await artifacts.delete(artifact)


Check = Callable[[], Awaitable[dict[str, Any]]]
"""A component's health check: facts when well; raises KinorayError when not."""
