"""The request's story with every port injected: submit, get, list, follow, cancel, delete, read, explain."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import anyio

from app.artifacts.store import ArtifactStore
from app.cache.keys import plan_digest, pool_of
from app.cache.results import ResultCache
from app.cache.store import RESULTS, ByteCache
from app.errors import ContentNotReady, InvalidRequest, NotFound, Overloaded, TimedOut
from app.flights import enter, leader_of
from app.follow import end_of, follow
from app.jobs.board import BACKLOG, PLACES, Board
from app.jobs.events import EventLog, StopSignals
from app.jobs.flights import Flights, Stance
from app.jobs.store import JobStore
from app.line.outlook import behind_all, expected_s, place_behind, place_in
from app.pictures import Picture, keep, let_go, picture_of
from app.plan.degrade import in_time
from app.plan.models import Catalogue
from app.plan.presets import Presets
from app.plan.ratings import Ratings
from app.plan.seed import FRESH
from app.plan.sentences import Sentences
from app.plan.styled import count_use
from app.repeats import forget_artifacts, repeat
from app.settings import Settings
from app.telemetry import CACHE_MISSES, JOBS_CREATED, JOBS_ENDED, TIERS, Meter, Stages
from app.types import Artifact, Caller, Event, Failure, Job, ModelProfile, Page, Phase, Plan, VideoRequest

CANCELLED = Failure("cancelled", "The job was cancelled.")


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
    flights: Flights
    meter: Meter
    models: tuple[ModelProfile, ...]
    presets: Presets
    sentences: Sentences
    ratings: Ratings


@dataclass(frozen=True, slots=True)
class Outlook:
    """Jobs before this one in the line (None unless it waits), and seconds until it is done, as predicted.

    `leader` is the job that makes the same video already, where this one waits for it.
    """

    position: int | None
    eta_s: float | None
    leader: Job | None = None


class VideoService:
    """What a Router does; it holds no state of its own, so any replica can answer."""

    def __init__(self, ports: Ports, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.ports = ports
        self.settings = settings
        self._clock = clock
        self._results = ResultCache(ports.cache)

    async def submit(
        self, request: VideoRequest, caller: Caller, stages: Stages | None = None, picture: bytes | None = None
    ) -> Job:
        """Accept a request: planned, looked up, admitted, recorded. When this returns, the job is durable.

        `stages` is told when plan, lookup, files (of a repeat) and record are done. `picture` is the content of the
        request's, unless an earlier job has it stored.

        Raises:
            InvalidRequest: the prompt or a parameter cannot be served.
            Overloaded: the predicted wait or the line is too long.
            StoreUnavailable: Redis does not answer; nothing was accepted.
        """
        stages = stages or Stages()
        # 1. Plan
        plan = await self.analyze(request, caller)
        stages.done("plan")
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
            key = plan_digest(plan, pool_of(caller.tenant, self.settings.share_results))
            made = await repeat(job, key, self._results, self.ports, self.settings.retention_s, now, stages)
            if made is not None:
                await count_use(plan.style, caller, self.ports.presets, now)
                return made
        # 3. Under way, or admitted; and the record, before anyone is told
        joins = request.cache.reads and request.seed != FRESH
        await keep(job, picture, self.ports.board, self.ports.artifacts)
        try:
            job, stance = await enter(job, joins, self.ports, lambda: self._admit(plan), self.settings.retention_s)
        except Overloaded:
            await let_go(job, self.ports.board, self.ports.artifacts)
            raise
        stages.done("record")
        missed = {} if stance is Stance.FOLLOW else {f"{CACHE_MISSES}:{RESULTS}": 1.0}
        await self.ports.meter.add({JOBS_CREATED: 1, f"{TIERS}:{plan.tier}": 1} | missed)
        await count_use(plan.style, caller, self.ports.presets, now)
        return job

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
            if position is None:
                leader = await leader_of(job, self.ports)
                if leader is not None:
                    return replace(await self.outlook(leader), leader=leader)
                return Outlook(None, job.plan.estimate.seconds)  # it is being taken out of the line right now
            place = place_behind(note, await self.ports.board.look(BACKLOG), position, job.plan)
        return Outlook(*place)

    async def list(self, caller: Caller, after: str | None, limit: int, newest_first: bool) -> Page:
        """A page of the caller's jobs."""
        return await self.ports.jobs.list(caller.tenant, after, limit, newest_first)

    async def follow(self, job_id: str, caller: Caller, after: str | None = None) -> AsyncIterator[Event]:
        """Events of a job from the start or behind `after`, ending with kind "end". Raises JobNotFound at once."""
        async for event in follow(await self.get(job_id, caller), after, self.ports, self._clock):
            yield event

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
            await self.ports.events.append(job_id, "end", self._clock(), end_of(job))
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
            image=source.image,
            guidance_2=source.sampling.guidance_2,
        )
        return await self.submit(request, caller)

    async def picture(self, reference: bytes | str, model: str | None, caller: Caller) -> Picture:
        """The picture that a request names, if its model takes one; nothing is stored. Raises InvalidRequest."""
        profile = Catalogue(self.ports.models, self.settings.default_name, self.settings.aliases).find(model)
        if not profile.takes_image:
            raise InvalidRequest(f"{profile.id} makes videos from text alone.", "input_reference", "image_not_taken")
        return await picture_of(reference, caller.tenant, self.settings)

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


Check = Callable[[], Awaitable[dict[str, Any]]]
"""A component's health check: facts when well; raises KinorayError when not."""
