"""The request's story with every port injected: submit, get, list, follow, cancel, delete, read, explain."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import anyio

from app.cache.keys import plan_digest, pool_of
from app.cache.results import ResultCache
from app.cache.store import RESULTS
from app.errors import (
    Conflict,
    ContentNotReady,
    JobNotFound,
    KinorayError,
    NotFound,
    StoreUnavailable,
    TimedOut,
)
from app.jobs.admission_limits import AdmissionLimits, PictureWillTell, Replayed, Usage, refusal
from app.jobs.board import BACKLOG
from app.jobs.flights import Role
from app.jobs.store import find
from app.line.backlog import backlog_from_note
from app.line.wait_estimates import behind_all, expected_s
from app.plan.adapters import asked_of
from app.plan.catalogue import Catalogue
from app.plan.degrade import in_time
from app.plan.seed import FRESH
from app.plan.styles.lookup import count_use
from app.plan.unheeded import about_wishes
from app.service.admission import admit, check, limits_of, named
from app.service.artifact_refs import forget_artifacts, lost
from app.service.endings import end_of, tell_end
from app.service.event_stream import follow, told_all
from app.service.input_image import PENDING, keep, let_go, picture_of
from app.service.outlook import Outlook, outlook_of
from app.service.pools import PoolWatch
from app.service.ports import Ports
from app.service.result_hits import repeat
from app.service.similar_start import with_start
from app.service.single_flight import enter
from app.service.tenant_events import CREATED, News, follow_tenant
from app.settings import Settings
from app.telemetry import CACHE_MISSES, JOBS_CREATED, TIERS, Stages
from app.types import Artifact, Caller, Event, Failure, Job, Page, Phase, Plan, VideoRequest, Wishes
from app.webhooks.delivery import webhook_of

log = logging.getLogger(__name__)
CANCELLED = Failure("cancelled", "The job was cancelled.")


class Accepted(NamedTuple):
    """The job on record; `replayed`: recorded when the same request came before, under the same key."""

    job: Job
    replayed: bool


async def _no_sync() -> None:
    """A clock that follows no other."""


class VideoService:
    """What a Router does; it holds no state of its own, so any replica can answer."""

    def __init__(
        self,
        ports: Ports,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        sync: Callable[[], Awaitable[None]] = _no_sync,
    ) -> None:
        self.ports = ports
        self.settings = settings
        self._clock = clock
        self._sync = sync
        self.pools = PoolWatch(ports.models, settings, ports.jobs, ports.board)
        self._results = ResultCache(ports.cache)

    def now(self) -> float:
        """Unix seconds, by the clock of the stores."""
        return self._clock()

    async def submit(self, request: VideoRequest, caller: Caller, stages: Stages | None = None) -> Job:
        """As `accept`, without a key."""
        return (await self.accept(request, caller, None, stages)).job

    async def accept(
        self,
        request: VideoRequest,
        caller: Caller,
        key: str | None = None,
        stages: Stages | None = None,
        reference: bytes | str | None = None,
        told: VideoRequest | None = None,
    ) -> Accepted:
        """Accept a request: planned, looked up, admitted, recorded. When this returns, the job is durable.

        `key` is the client's name for the request: again with the same one, it is answered with the job of the first
        time. `stages` is told when plan, lookup, files (of a repeat) and record are done. `reference` names the picture
        that it begins with, by its bytes or address; that is looked at only when nothing else speaks against the job.
        `told` is what the key stands for, where the request was completed with what is stored.

        Raises:
            InvalidRequest: the prompt or a parameter cannot be served, or the picture cannot be had or used.
            PayloadTooLarge: the picture has too many bytes or pixels.
            JobNotFound: it is to come after a job that is not there.
            KeyReused: the key was used for another request.
            Overloaded: the predicted wait or the line is too long, or the tenant has had its share.
            ModelUnavailable: no replica can start that would make it.
            StoreUnavailable: Redis does not answer; nothing was accepted.
        """
        stages = stages or Stages()
        try:
            limits = await self._not_yet_answered(told or request, caller, key, None if told else reference)
            job = await self._record(request, caller, limits, stages, reference, named_by_picture=told is None)
            await self._announce(job)
            return Accepted(job, False)
        except Replayed as again:
            return Accepted(await self._former(again.message, caller), True)

    async def _not_yet_answered(
        self, request: VideoRequest, caller: Caller, key: str | None, reference: bytes | str | None
    ) -> AdmissionLimits:
        """What the job will be held to. Raises Replayed, or KeyReused, when the key has made one already."""
        name = named(request, key, self.settings.idempotency_ttl_s, reference)
        with suppress(PictureWillTell):
            first = None if name is None else await self.ports.jobs.answered(name, caller.tenant)
            if first is not None:
                raise Replayed(first)
        return limits_of(self.settings, name)

    async def _announce(self, job: Job) -> None:
        """Those who follow the tenant hear of a new job; without Redis they do at its next event: it is on record."""
        now = self._clock()
        try:
            await self.ports.events.tell_tenant(job.tenant, job.id, CREATED, now, {})
            if job.phase.ended:
                await self.ports.events.tell_tenant(job.tenant, job.id, "end", now, end_of(job))
        except StoreUnavailable as error:
            log.warning("Nobody heard of %s: %s", job.id, error)

    async def replayed(self, told: VideoRequest, caller: Caller, key: str | None) -> Accepted | None:
        """The job of the first time, if this request came before under its key. Raises KeyReused, Conflict."""
        name = named(told, key, self.settings.idempotency_ttl_s)
        first = None if name is None else await self.ports.jobs.answered(name, caller.tenant)
        return None if first is None else Accepted(await self._former(first, caller), True)

    def _catalogue(self) -> Catalogue:
        return Catalogue(self.ports.models, self.settings.default_name, self.settings.aliases)

    async def usage(self, caller: Caller) -> Usage:
        """What the caller has under way and has asked for. Raises StoreUnavailable."""
        return await self.ports.jobs.usage(caller.tenant, limits_of(self.settings), self._clock())

    async def _former(self, job_id: str, caller: Caller) -> Job:
        try:
            return await self.ports.jobs.get(job_id, caller.tenant)
        except JobNotFound:  # asking again must not make it again
            raise Conflict(
                f"{job_id}, which this Idempotency-Key made, was deleted.", "Idempotency-Key", "idempotency_key_spent"
            ) from None

    async def _come_after(self, awaited: tuple[str, ...], caller: Caller) -> None:
        """Refuse what is to come after unknown or failed jobs, before it costs anything; the record is the truth."""
        for each in awaited:
            job = await find(self.ports.jobs, each, caller.tenant)
            if job is None or job.phase is Phase.FAILED:
                raise refusal("unknown" if job is None else "failed", each)

    async def _record(
        self,
        request: VideoRequest,
        caller: Caller,
        limits: AdmissionLimits,
        stages: Stages,
        reference: bytes | str | None,
        named_by_picture: bool,
    ) -> Job:
        wishes = replace(request.wishes, webhook=webhook_of(request.wishes.webhook, caller, self.settings))
        await self._sync()
        await self._come_after(wishes.after, caller)
        # 1. Plan
        plan = await self._plan(request if reference is None else replace(request, image=PENDING), caller)
        stages.done("plan")
        now = self._clock()
        job = Job(
            id=f"video_{uuid.uuid4().hex}",
            tenant=caller.tenant,
            plan=plan,
            phase=Phase.QUEUED,
            created_at=now,
            wishes=wishes,
            deadline=None if wishes.deadline_s is None else now + wishes.deadline_s,
        )
        content: bytes | None = None
        if reference is not None:
            await check(job, self.ports.jobs, self.ports.board, self.settings)
            picture = await picture_of(reference, caller.tenant, self.settings)
            content, plan = picture.content, replace(plan, image=picture.artifact)
            job = replace(job, plan=plan)
            if limits.idempotency_key and named_by_picture:
                key, pictured = limits.idempotency_key.value, replace(request, image=plan.image)
                limits = await self._not_yet_answered(pictured, caller, key, reference)
            stages.done("picture")
        # 2. The same plan made before?
        if wishes.cache.reads:
            made = await self._made_before(job, now, stages, limits)
            if made is not None:
                await count_use(plan.style, caller, self.ports.presets, now)
                return made
            if wishes.similar:
                plan = await with_start(plan, caller.tenant, self.ports)
                job = replace(job, plan=plan)
                stages.done("similar")
        # 3. Under way, or admitted; and the record, before anyone is told
        await self.pools.refuse_what_waits_for_ever(plan.pool, now)
        joins = wishes.cache.reads and request.seed != FRESH
        ask, keep_s = partial(admit, job, self.ports.board, self.settings), self.settings.retention_s
        await keep(job, content, self.ports.board, self.ports.artifacts)
        try:
            job, role = await enter(job, joins, self.ports, ask, keep_s, limits)
        except StoreUnavailable:  # it may be on record
            raise
        except KinorayError:
            await let_go(job, self.ports.board, self.ports.artifacts)
            raise
        stages.done("record")
        missed = {} if role is Role.FOLLOW else {f"{CACHE_MISSES}:{RESULTS}": 1.0}
        await self.ports.meter.add({JOBS_CREATED: 1, f"{TIERS}:{plan.tier}": 1} | missed)
        await count_use(plan.style, caller, self.ports.presets, now)
        return job

    async def _made_before(self, job: Job, now: float, stages: Stages, limits: AdmissionLimits) -> Job | None:
        """The job, completed with a stored video of its plan: from noise, else, if it may, from a similar start."""
        pool, keep_s = pool_of(job.tenant, self.settings.share_results), self.settings.retention_s
        for similar in (False, True) if job.wishes.similar else (False,):
            key = plan_digest(job.plan, job.tenant if similar else pool, similar)
            made = await repeat(job, key, self._results, self.ports, keep_s, now, stages, limits)
            if made is not None:
                return made
        return None

    async def get(self, job_id: str, caller: Caller) -> Job:
        """The job's record. Raises JobNotFound."""
        return await self.ports.jobs.get(job_id, caller.tenant)

    async def outlook(self, job: Job) -> Outlook:
        """Where a job stands and when it will be done, as far as is known. Raises StoreUnavailable."""
        return await outlook_of(job, self.ports)

    async def list(self, caller: Caller, after: str | None, limit: int, newest_first: bool) -> Page:
        """A page of the caller's jobs."""
        return await self.ports.jobs.list(caller.tenant, after, limit, newest_first)

    async def follow(self, job_id: str, caller: Caller, after: str | None = None) -> AsyncIterator[Event]:
        """Events of a job from the start or behind `after`, ending with kind "end". Raises JobNotFound at once."""
        async for event in follow(await self.get(job_id, caller), after, self.ports, self._clock):
            yield event

    def follow_all(self, caller: Caller, after: str | None = None) -> AsyncGenerator[News, None]:
        """What happens to all of the caller's jobs, without end; as `follow_tenant`."""
        return follow_tenant(caller.tenant, after, self.ports, self._clock)

    async def told_all(self, job_id: str, caller: Caller, last: str) -> bool:
        """Whether who names the event `last` has nothing more to be told, ever. Raises JobNotFound."""
        return await told_all(await self.get(job_id, caller), last, self.ports.events)

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
            await tell_end(job, self.ports, self._clock())
        return job

    async def delete(self, job_id: str, caller: Caller) -> None:
        """Cancel if need be, and forget the job; artifacts go unless another job was answered with them."""
        job = await self.ports.jobs.delete(job_id, caller.tenant)
        if not job.phase.ended:
            await self.ports.stops.send(job_id)
        await self.ports.events.forget(job_id)
        await self.ports.events.tell_tenant(caller.tenant, job_id, "end", self._clock(), end_of(None))
        try:
            await forget_artifacts(job, self.ports.board, self.ports.artifacts)
        except StoreUnavailable as error:  # the record is gone: its files have no owner, and are removed as such
            log.warning("The files of %s are left for later: %s", job_id, error)

    async def artifact(self, job_id: str, caller: Caller, variant: str) -> Artifact:
        """What the job made. Raises JobNotFound, ContentNotReady, NotFound (it made none), ArtifactLost."""
        job = await self.get(job_id, caller)
        if job.phase is not Phase.COMPLETED:
            why = f"failed: {job.failure.message}" if job.failure else f"is {job.status}"
            raise ContentNotReady(f"{job_id} has no content; it {why}")
        artifact = job.artifacts.get(variant)
        if artifact is None:
            raise NotFound(f"{job_id} has no {variant}.", code="content_gone")
        if not await self.ports.artifacts.exists(artifact):
            raise lost(job, variant, self.settings.artifacts_kept_s, self._clock())
        return artifact

    def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes of an artifact."""
        return self.ports.artifacts.read(artifact, start, end)

    async def remix(self, job_id: str, prompt: str, caller: Caller, key: str | None = None) -> Accepted:
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
            image=source.image,
            extends=source.extends,
            guidance_2=source.sampling.guidance_2,
            loras=asked_of(source, self._catalogue().find(source.model)),
            shift=source.sampling.shift,
            wishes=Wishes(remixed_from=job_id),
        )
        return await self.accept(request, caller, key)

    async def analyze(self, request: VideoRequest, caller: Caller, reference: bytes | str | None = None) -> Plan:
        """The plan a request would get now, without making anything; as for `accept`, its picture is looked at last."""
        if reference is None:
            return await self._plan(request, caller)
        plan = await self._plan(replace(request, image=PENDING), caller)
        return replace(plan, image=(await picture_of(reference, caller.tenant, self.settings)).artifact)

    async def _plan(self, request: VideoRequest, caller: Caller) -> Plan:
        plan = await self.ports.planner.plan(request, caller)
        if request.allow_degrade:
            backlog = backlog_from_note(await self.ports.board.get(BACKLOG))
            plan = await in_time(
                request,
                plan,
                expected_s=lambda each: expected_s(backlog, behind_all(backlog, each), each),
                replan=lambda lower: self.ports.planner.plan(lower, caller),
            )
        return about_wishes(request, plan)
