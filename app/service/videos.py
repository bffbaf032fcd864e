"""The request's story with every port injected: submit, get, list, follow, cancel, delete, read, explain."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

import anyio

from app.errors import ContentNotReady, JobNotFound, NotFound, StoreUnavailable, TimedOut
from app.jobs.admission_limits import Usage
from app.jobs.marks import Among
from app.jobs.quotas import Standing
from app.jobs.reports.records import Report
from app.jobs.usage import Used, used_by
from app.logs.context import about_job, facts
from app.plan.catalogue import Catalogue
from app.plan.likeness import request_like
from app.service.acceptance import Acceptance, Accepted, random_id
from app.service.admission import held_of, limits_of
from app.service.animations import Animations
from app.service.artifact_refs import DRAFT, forget_artifacts, lost
from app.service.endings import closed_by, end_of, tell_end
from app.service.event_stream import follow, told_all
from app.service.file_uploads import FileShelf
from app.service.first_picture import FirstPictures
from app.service.follower_reads import FollowerReads, patiently
from app.service.given_inputs import GivenInputs
from app.service.input_image import PENDING, decoding
from app.service.job_report import report_of
from app.service.kept_style import with_kept_style
from app.service.lora_uploads import LoraShelf, with_uploads
from app.service.outlook import Outlook, outlook_of
from app.service.planning import plan_of
from app.service.pools import PoolWatch
from app.service.ports import Ports
from app.service.recovery import lost_or
from app.service.reprioritise import reprioritise
from app.service.search import search
from app.service.single_flight import leader_of
from app.service.tenant_events import News, follow_tenant
from app.settings import Settings
from app.telemetry import Stages
from app.types import (
    Artifact,
    Caller,
    Event,
    Failure,
    Job,
    Page,
    Phase,
    Plan,
    Reference,
    VideoRequest,
)
from app.video.picture import small

log = logging.getLogger(__name__)
PREPARED = "prepared"
CANCELLED = Failure("cancelled", "The job was cancelled.")


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
        draw_id: Callable[[], str] = random_id,
    ) -> None:
        self.ports = ports
        self.settings = settings
        self._clock = clock
        self._sync = sync
        self.draw_id = draw_id  # what the id of a job or a storyboard ends with, never drawn twice
        self._reads = FollowerReads()
        self.animations = Animations(ports.artifacts)
        self.loras = LoraShelf(ports, settings, clock)
        self.uploads = FileShelf(ports.uploads, ports.artifacts, settings, clock)
        self.pictures = FirstPictures(ports, settings, self.uploads)
        self.inputs = GivenInputs(ports, settings, self.uploads)
        self.pools = PoolWatch(ports.models, settings, ports.jobs, ports.board)

    def now(self) -> float:
        """Unix seconds, by the clock of all records."""
        return self._clock()

    async def sync(self) -> None:
        """Set the clock by that of the records, if it is time to: before something is dated by it."""
        await self._sync()

    async def submit(self, request: VideoRequest, caller: Caller, stages: Stages | None = None) -> Job:
        """As `accept`, without a key."""
        return (await self.accept(request, caller, None, stages)).job

    async def accept(
        self,
        request: VideoRequest,
        caller: Caller,
        key: str | None = None,
        stages: Stages | None = None,
        reference: Reference | None = None,
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
        return await self._acceptance().accept(request, caller, key, stages or Stages(), reference, told)

    async def replayed(self, told: VideoRequest, caller: Caller, key: str | None) -> Accepted | None:
        """The job of the first time, if this request came before under its key. Raises KeyReused, Conflict."""
        return await self._acceptance().replayed(told, caller, key)

    def _acceptance(self) -> Acceptance:
        return Acceptance(
            self.ports,
            self.settings,
            self._clock,
            self._sync,
            self.pools,
            self.pictures,
            self.inputs,
            self.draw_id,
        )

    def _catalogue(self) -> Catalogue:
        return Catalogue(self.ports.models, self.settings.default_name, self.settings.aliases)

    async def usage(self, caller: Caller) -> Usage:
        """What the caller has under way and has asked for. Raises StoreUnavailable."""
        return await self.ports.jobs.usage(caller.tenant, limits_of(self.settings), self._clock())

    async def quotas(self, caller: Caller) -> Sequence[Standing]:
        """How much of their quotas the caller's tenant and key have used. Raises StoreUnavailable."""
        held = held_of(self.settings.limits, caller.tenant, caller.key_id)
        return await self.ports.jobs.quotas(held, self._clock()) if held else ()

    async def used(self, tenant: str | None, first: str, last: str) -> Sequence[Used]:
        """What a tenant, or every one, has used from the first day to the last. Raises StoreUnavailable."""
        return await self.ports.usage.read(tenant, first, last)

    async def get(self, job_id: str, caller: Caller) -> Job:
        """The job's record. Raises JobNotFound, which says so where a restore has lost it."""
        try:
            return await self.ports.jobs.get(job_id, caller.tenant)
        except JobNotFound as error:
            raise await lost_or(error, job_id, self.ports.board) from None

    async def report(self, job_id: str, caller: Caller) -> Report:
        """What became of a job so far, and why it took as long. Raises JobNotFound, StoreUnavailable."""
        return await report_of(await self.get(job_id, caller), self.ports, self._clock())

    async def outlook(self, job: Job) -> Outlook:
        """Where a job stands and when it will be done, as far as is known. Raises StoreUnavailable."""
        return await outlook_of(job, self.ports)

    async def looked_at(self, job_id: str, caller: Caller) -> tuple[Job, Outlook]:
        """Record and outlook for who begins to follow: of many who come at once one asks. Raises JobNotFound."""

        async def look() -> tuple[Job, Outlook]:
            job = await self.get(job_id, caller)
            return job, await self.outlook(job)

        return await self._reads.once(("look", job_id, caller.tenant), look)

    async def told_outlook(self, job: Job) -> Outlook:
        """As `outlook`, for who follows many jobs: of many who are told of this one at once one asks."""
        return await patiently(lambda: self._reads.once(("outlook", job.id), lambda: self.outlook(job)))

    async def list(self, caller: Caller, after: str | None, limit: int, newest_first: bool) -> Page:
        """A page of the caller's jobs."""
        return await self.ports.jobs.list(caller.tenant, after, limit, newest_first)

    async def list_marked(self, caller: Caller, among: Among, after: str | None, limit: int, newest: bool) -> Page:
        """A page of those of the caller's jobs that are so marked."""
        return await self.ports.jobs.list_marked(caller.tenant, among, after, limit, newest)

    async def search(self, words: str, caller: Caller, among: Among, limit: int) -> Sequence[Job]:
        """The caller's jobs that have those words, then those that mean it. Raises StoreUnavailable."""
        return await search(words, caller.tenant, among, limit, self.ports.jobs, self.ports.sentences)

    async def mark(self, job_id: str, caller: Caller, favourite: bool | None, tags: Sequence[str] | None) -> Job:
        """What the caller keeps a video by, from now on. Raises JobNotFound, Conflict (too many different tags)."""
        await self.get(job_id, caller)  # which knows why it is not there
        return await self.ports.jobs.mark(job_id, caller.tenant, favourite, tags)

    async def follow(self, job_id: str, caller: Caller, after: str | None = None) -> AsyncIterator[Event]:
        """Events of a job from the start or behind `after`, ending with kind "end". Raises JobNotFound at once."""
        async for events in self.follow_batches(job_id, caller, after):
            for event in events:
                yield event

    async def follow_batches(
        self, job_id: str, caller: Caller, after: str | None = None
    ) -> AsyncIterator[Sequence[Event]]:
        """As `follow`, with those together that there are at once. Raises JobNotFound at once."""
        job, _ = await self.looked_at(job_id, caller)
        async for events in follow(job, after, self.ports, self._clock, self._reads):
            yield events

    def follow_all(self, caller: Caller, after: str | None = None) -> AsyncGenerator[News, None]:
        """What happens to all of the caller's jobs, without end; as `follow_tenant`."""
        return follow_tenant(caller.tenant, after, self.ports, self._clock, self._reads)

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

    async def ended_within(self, job: Job, caller: Caller, timeout_s: float) -> Job:
        """The job once it has ended, or as it is after `timeout_s` seconds. Raises JobNotFound (it was deleted)."""
        with anyio.move_on_after(timeout_s):
            async for _ in follow(job, None, self.ports, self._clock, self._reads):
                pass
        return await self.get(job.id, caller)

    async def cancel(self, job_id: str, caller: Caller) -> Job:
        """End a job that has not ended, of operators anybody's; its device is free in a step. Raises JobNotFound."""
        tenant = None if caller.is_operator else caller.tenant
        try:
            before = await self.ports.jobs.get(job_id, tenant)
        except JobNotFound as error:
            raise await lost_or(error, job_id, self.ports.board) from None
        now = self._clock()
        job = await self.ports.jobs.cancel(job_id, tenant, CANCELLED, now)
        if closed_by(job, now):
            with about_job(before):
                log.info("is to be cancelled", extra=facts(phase=before.phase.value, step=before.step))
            await self.ports.stops.send(job_id)
            await tell_end(job, self.ports, now)
        return job

    async def reprioritise(self, job_id: str, priority: str, caller: Caller) -> Job:
        """Give a job that has not ended another class of priority; raises as `app.service.reprioritise`."""
        return await reprioritise(job_id, priority, caller, self.ports, self.settings, self._clock)

    async def delete(self, job_id: str, caller: Caller) -> None:
        """Cancel if need be, and forget the job; artifacts go unless another job was answered with them."""
        job = await self.ports.jobs.delete(job_id, caller.tenant)
        with about_job(job):
            log.info("deleted", extra=facts(phase=job.phase.value))
        if not job.phase.ended:
            await self.ports.stops.send(job_id)
            await self.ports.usage.add(used_by(job, self._clock()))
        await self.ports.events.forget(job_id)
        await self.ports.events.tell_tenant(caller.tenant, job_id, "end", self._clock(), end_of(None))
        try:
            await forget_artifacts(job, self.ports.board, self.ports.artifacts)
        except StoreUnavailable as error:  # the record is gone: its files have no owner, and are removed as such
            log.warning("The files of %s are left for later: %s", job_id, error)

    async def artifact(self, job_id: str, caller: Caller, variant: str) -> Artifact:
        """What the job made. Raises JobNotFound, ContentNotReady, NotFound (it made none), ArtifactLost."""
        job = await self.get(job_id, caller)
        if variant == PREPARED:
            return await self._prepared(job)
        if variant == DRAFT and (job.plan.draft is not None and DRAFT not in job.artifacts):
            return await self._draft(job)
        if job.phase is not Phase.COMPLETED:
            why = f"failed: {job.failure.message}" if job.failure else f"is {job.status}"
            raise ContentNotReady(f"{job_id} has no content; it {why}")
        artifact = job.artifacts.get(variant)
        if artifact is None:
            raise NotFound(f"{job_id} has no {variant}.", code="content_gone")
        if not await self.ports.artifacts.exists(artifact):
            raise lost(job, variant, self.settings.artifacts_kept_s, self._clock())
        return artifact

    async def _prepared(self, job: Job) -> Artifact:
        """The picture that a job begins with as it was prepared, there from the first. Raises as `artifact`."""
        image = job.plan.image
        if job.plan.prepared is None or image is None:
            raise NotFound(f"{job.id} has no {PREPARED} picture: none was asked for.", code="content_gone")
        if not await self.ports.artifacts.exists(image):
            raise lost(job, PREPARED, self.settings.artifacts_kept_s, self._clock())
        return image

    async def _draft(self, job: Job) -> Artifact:
        """The draft of a job that has no video yet, or will have none; its own, or that of the job it waits for."""
        maker = job
        if job.phase is Phase.QUEUED:
            maker = await leader_of(job, self.ports) or job
        shown = None if maker.draft is None else maker.draft.artifact
        if shown is None and not job.phase.ended:
            raise ContentNotReady(f"{job.id} has no draft yet.")
        if shown is None:
            raise NotFound(f"{job.id} has no {DRAFT}.", code="content_gone")
        if not await self.ports.artifacts.exists(shown):
            raise lost(job, DRAFT, self.settings.artifacts_kept_s, self._clock())
        return shown

    def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes of an artifact."""
        return self.ports.artifacts.read(artifact, start, end)

    async def remix(self, job_id: str, asked: VideoRequest, caller: Caller, key: str | None = None) -> Accepted:
        """A new job like an earlier one with another prompt, and with the seed and the wishes that are asked for.

        A style that is no more is left out, with a warning. Raises JobNotFound; and as `accept`.
        """
        source = (await self.get(job_id, caller)).plan
        request = request_like(source, self._catalogue().find(source.model), asked.prompt)
        seed = request.seed if asked.seed is None else asked.seed
        request = replace(request, seed=seed, wishes=replace(asked.wishes, remixed_from=job_id))
        return await self.accept(await with_kept_style(request, caller, self.ports.presets), caller, key)

    async def analyze(self, request: VideoRequest, caller: Caller, reference: Reference | None = None) -> Plan:
        """The plan a request would get now, without making anything; as for `accept`, its picture is looked at last."""
        return (await self.analyze_shown(request, caller, reference))[0]

    async def analyze_shown(
        self, request: VideoRequest, caller: Caller, reference: Reference | None
    ) -> tuple[Plan, bytes | None]:
        """The same, with the picture that it would begin with, small, as a WebP; None: with none that is prepared."""
        request = await with_uploads(request, caller, self.ports, self._clock())
        plan = await plan_of(request if reference is None else replace(request, image=PENDING), caller, self.ports)
        if request.references:
            plan, _ = await self.inputs.had(request, plan, caller)
        if reference is None:
            return plan, None
        plan, content = await self.pictures.had(reference, request.prepare, plan, caller)
        if plan.prepared is None:
            return plan, None
        return plan, await decoding.run(caller.tenant, partial(small, content))
