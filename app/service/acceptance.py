"""A request comes in; a job goes out that is planned, looked up in the caches, admitted, and durably recorded."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from app.cache.keys import plan_digest, results_pool
from app.cache.results import ResultCache
from app.cache.store import RESULTS
from app.errors import Conflict, JobNotFound, KinorayError, StoreUnavailable
from app.jobs.admission_limits import AdmissionLimits, PictureWillTell, Replayed, refusal
from app.jobs.flights import Role
from app.jobs.reports.account import INTAKE
from app.jobs.store import find
from app.logs.context import about, about_job, facts, tenant_hash, unsaid
from app.plan.seed import FRESH
from app.plan.speculative.speculative import plain_walk
from app.plan.styles.lookup import count_use
from app.service.admission import admit, check, limits_of, named
from app.service.endings import end_of
from app.service.first_picture import FirstPictures
from app.service.given_inputs import GivenInputs
from app.service.input_image import PENDING, Contents, keep, let_go
from app.service.job_report import intake
from app.service.lora_uploads import hold_loras, with_uploads
from app.service.own_figures import with_own
from app.service.planning import plan_of
from app.service.pools import PoolWatch
from app.service.ports import Ports
from app.service.result_hits import repeat
from app.service.similar_start import with_start
from app.service.single_flight import enter
from app.service.tenant_events import CREATED
from app.settings import Settings
from app.telemetry import CACHE_MISSES, JOBS_CREATED, TIERS, Stages
from app.tracing.jobs import place_of_new_job
from app.tracing.spans import span
from app.types import Caller, Job, Phase, Reference, VideoRequest
from app.webhooks.delivery import webhook_of

log = logging.getLogger(__name__)


class Accepted(NamedTuple):
    """The job on record; `replayed`: recorded when the same request came before, under the same key."""

    job: Job
    replayed: bool


def random_id() -> str:
    """Drawn anew: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def _log_accepted(job: Job, role: Role) -> None:
    plan = job.plan
    said = facts(
        role=role.value,
        model=plan.model,
        tier=plan.tier,
        size=f"{plan.spec.width}x{plan.spec.height}",
        frames=plan.spec.frames,
        steps=plan.sampling.steps,
        budget=plan.sampling.budget,
        priority=job.priority,
        step_seconds=round(plan.estimate.step_seconds, 3),
        promised_s=None if job.promised_s is None else round(job.promised_s, 3),
        after=list(job.after) or None,
    )
    with about_job(job):
        log.info("accepted", extra=said)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The way of a request from the wire to the line; `sync` sets the clock before a job is dated by it."""

    ports: Ports
    settings: Settings
    clock: Callable[[], float]
    sync: Callable[[], Awaitable[None]]
    pools: PoolWatch
    pictures: FirstPictures
    inputs: GivenInputs
    draw_id: Callable[[], str]

    async def accept(
        self,
        request: VideoRequest,
        caller: Caller,
        key: str | None,
        stages: Stages,
        reference: Reference | None,
        told: VideoRequest | None,
    ) -> Accepted:
        """As `VideoService.accept`."""
        with unsaid(request.prompt, request.negative_prompt), about(tenant=tenant_hash(caller.tenant)):
            try:
                limits = await self._not_yet_answered(told or request, caller, key, None if told else reference)
                job = await self._record(request, caller, limits, stages, reference, named_by_picture=told is None)
                await self._announce(job, stages)
                return Accepted(job, False)
            except Replayed as again:
                job = await self._former(again.message, caller)
                with about_job(job):
                    log.info("asked again, under the same key")
                return Accepted(job, True)

    async def replayed(self, told: VideoRequest, caller: Caller, key: str | None) -> Accepted | None:
        """The job of the first time, if this request came before under its key. Raises KeyReused, Conflict."""
        name = named(told, key, self.settings.idempotency_ttl_s)
        first = None if name is None else await self.ports.jobs.answered(name, caller.tenant)
        return None if first is None else Accepted(await self._former(first, caller), True)

    async def _not_yet_answered(
        self, request: VideoRequest, caller: Caller, key: str | None, reference: Reference | None
    ) -> AdmissionLimits:
        """What the job will be held to. Raises Replayed, or KeyReused, when the key has made one already."""
        name = named(request, key, self.settings.idempotency_ttl_s, reference)
        with suppress(PictureWillTell):
            first = None if name is None else await self.ports.jobs.answered(name, caller.tenant)
            if first is not None:
                raise Replayed(first)
        return limits_of(self.settings, name, caller.tenant, caller.key_id)

    async def _former(self, job_id: str, caller: Caller) -> Job:
        try:
            return await self.ports.jobs.get(job_id, caller.tenant)
        except JobNotFound:  # asking again must not make it again
            raise Conflict(
                f"{job_id}, which this Idempotency-Key made, was deleted.", "Idempotency-Key", "idempotency_key_spent"
            ) from None

    async def _announce(self, job: Job, stages: Stages) -> None:
        """Those who follow the tenant hear of a new job; without Redis they do at its next event: it is on record."""
        now = self.clock()
        try:
            entries = {INTAKE: intake(job, stages.took_s)}
            tell = partial(self.ports.events.tell_tenant, job.tenant, job.id)
            told = [tell(CREATED, now, {}, entries), *([tell("end", now, end_of(job))] if job.phase.ended else [])]
            await asyncio.gather(*told)  # in one round trip, in this order
        except StoreUnavailable as error:
            log.warning("Nobody heard of %s: %s", job.id, error)

    async def _record(
        self,
        request: VideoRequest,
        caller: Caller,
        limits: AdmissionLimits,
        stages: Stages,
        reference: Reference | None,
        named_by_picture: bool,
    ) -> Job:
        """The job's story up to its record; a picture is had only when nothing else speaks against the job."""
        # 1. Plan
        job = await self._planned(request if reference is None else replace(request, image=PENDING), caller)
        stages.done("plan")
        contents: dict[str, bytes] = {}
        if reference is not None or request.references:
            await check(job, self.ports.jobs, self.ports.board, self.settings)
        if reference is not None:
            plan, content = await self.pictures.had(reference, request.prepare, job.plan, caller)
            job = replace(job, plan=plan)
            assert plan.image is not None
            contents[plan.image.key] = content
            if limits.idempotency_key and named_by_picture:
                key, pictured = limits.idempotency_key.value, replace(request, image=plan.image)
                limits = await self._not_yet_answered(pictured, caller, key, reference)
        if request.references:
            plan, others = await self.inputs.had(request, job.plan, caller)
            job, contents = replace(job, plan=plan), contents | dict(others)
        if contents:
            stages.done("picture")
        if job.plan.prepared is not None:  # it is shown, also where the video is had from a cache
            await keep(job, contents, self.ports.board, self.ports.artifacts)
        # 2. The same plan made before?
        reads = job.wishes.cache.reads
        with span("lookup") if reads else nullcontext():
            recorded = await self._made_before(job, stages, limits) if reads else None
        # 3. Under way, or admitted; and the record, before anyone is told
        if recorded is None:
            if reads and job.wishes.similar:
                job = replace(job, plan=await with_start(job.plan, job.tenant, self.ports))
                stages.done("similar")
            joins = reads and request.seed != FRESH
            recorded = await self._entered(job, contents, joins, limits, stages)
        await count_use(job.plan.style, caller, self.ports.presets, job.created_at)
        return recorded

    async def _planned(self, request: VideoRequest, caller: Caller) -> Job:
        """The job as it is planned, on no record yet."""
        wishes = replace(request.wishes, webhook=webhook_of(request.wishes.webhook, caller, self.settings))
        await self.sync()
        await self._come_after(wishes.after, caller)
        with span("plan"):
            plan = await plan_of(await with_uploads(request, caller, self.ports, self.clock()), caller, self.ports)
        now, place = self.clock(), place_of_new_job()
        return Job(
            id=f"video_{self.draw_id()}",
            tenant=caller.tenant,
            key_id=caller.key_id,
            plan=plan,
            phase=Phase.QUEUED,
            created_at=now,
            wishes=wishes,
            deadline=None if wishes.deadline_s is None else now + wishes.deadline_s,
            trace=place.trace,
            trace_parent=place.parent,
        )

    async def _come_after(self, awaited: tuple[str, ...], caller: Caller) -> None:
        """Refuse what is to come after unknown or failed jobs, before it costs anything; the record is the truth."""
        for each in awaited:
            job = await find(self.ports.jobs, each, caller.tenant)
            if job is None or job.phase is Phase.FAILED:
                raise refusal("unknown" if job is None else "failed", each)

    async def _made_before(self, job: Job, stages: Stages, limits: AdmissionLimits) -> Job | None:
        """The job, completed with a stored video of its plan: from noise, of a draft, from a similar start."""
        pool, keep_s = results_pool(job.plan, job.tenant, self.settings.share_results), self.settings.retention_s
        results = ResultCache(self.ports.cache)
        if job.plan.draft is not None:  # the plain plan's video, which is as good, before that of a draft
            key = plan_digest(plain_walk(job.plan), pool)
            made = await repeat(job, key, results, self.ports, keep_s, job.created_at, stages, limits)
            if made is not None:
                return made
        for similar in (False, True) if job.wishes.similar else (False,):
            key = plan_digest(job.plan, job.tenant if similar else pool, similar)
            made = await repeat(job, key, results, self.ports, keep_s, job.created_at, stages, limits)
            if made is not None:
                return made
        return None

    async def _entered(self, job: Job, contents: Contents, joins: bool, limits: AdmissionLimits, stages: Stages) -> Job:
        """The job in the line, or behind one that makes the same; its picture is stored before, let go if refused."""
        await self.pools.refuse_what_waits_for_ever(job.plan.pool, job.created_at)
        ask, keep_s = partial(admit, job, self.ports.board, self.settings), self.settings.retention_s
        await keep(job, contents, self.ports.board, self.ports.artifacts)
        try:
            await hold_loras(job, self.ports)
            with span("record"):
                job, role = await enter(job, joins, self.ports, ask, keep_s, limits)
        except StoreUnavailable:  # it may be on record
            raise
        except KinorayError:
            await let_go(job, self.ports.board, self.ports.artifacts)
            raise
        stages.done("record")
        _log_accepted(job, role)
        missed = {} if role is Role.FOLLOW else {f"{CACHE_MISSES}:{RESULTS}": 1.0}
        await self.ports.meter.add(with_own(job.tenant, {JOBS_CREATED: 1, f"{TIERS}:{job.plan.tier}": 1} | missed))
        return job
