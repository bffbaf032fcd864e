"""One attempt at one job on this replica: inputs, steps, reports, frames handed on; every write carries the fence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.cache.embeddings import EmbeddingCache
from app.cache.similar import Latent
from app.engine.boundary_news import MEMORY, SLOT, Moved, Stepped
from app.engine.timing.overhead import own_time_began
from app.errors import (
    Cancelled,
    IllegalTransition,
    JobNotFound,
    KinorayError,
    LeaseLost,
    PartAway,
    PartFailed,
    ServiceUnavailable,
    StoreUnavailable,
    TimedOut,
    WorkerLost,
)
from app.jobs.reports.account import FAILED, HANDED_BACK, REPLICA_LEFT
from app.logs.context import about, about_job
from app.plan.abilities import asked_of_replica, offered_by
from app.plan.cost import shape_key
from app.service.endings import fail
from app.service.similar_start import remember, use_of
from app.telemetry import FENCES_REFUSED, RETRIES, figure
from app.tracing.jobs import attempt_span
from app.tracing.spans import NO_SPAN
from app.types import CacheUse, Failure, Job, Lease, Measured, Phase
from app.types.waveform import Waveform
from app.worker.account import AttemptLog
from app.worker.attempt_trace import AttemptTrace
from app.worker.checkpoint_writer import CheckpointWriter
from app.worker.drafts import Drafts
from app.worker.facts import (
    AttemptFailed,
    CheckpointMade,
    DraftJudged,
    DraftMade,
    FactQueue,
    FramesMade,
    HeldUp,
    LatentMade,
    PhaseChanged,
    PreviewMade,
    PromptsEncoded,
    SoundMade,
    StepDone,
    Told,
    WentOn,
)
from app.worker.finishing import hand_on
from app.worker.inputs import Inputs
from app.worker.parts import ReplicaParts
from app.worker.progress import Progress
from app.worker.prompt_embeddings import EncodedPrompts, PromptEmbeddings

log = logging.getLogger(__name__)


class Attempt:
    """Goes between the engine's thread and the stores for one job. `lease` is what the heartbeat is to renew."""

    def __init__(self, job_id: str, fence: int, parts: ReplicaParts, replica: str = "") -> None:
        self.lease: Lease | None = None
        self._job_id = job_id
        self._fence = fence
        self._parts = parts
        self._stores = parts.stores
        self._engine = parts.engine
        self._timing = parts.timing
        self._facts: FactQueue | None = None
        self._latent: Latent | None = None
        self._heard: Waveform | None = None
        self._priority: str | None = None  # that it was given since its record was read
        self._trace = AttemptTrace(NO_SPAN)
        self._log = AttemptLog(fence, replica, parts.stores.clock, parts.engine.held)
        cache, settings = parts.caches.cache, parts.settings
        self._prompts = PromptEmbeddings(EmbeddingCache(cache), settings, parts.encoder)
        self._inputs = Inputs(parts.stores, cache, parts.engine, settings, parts.timing)
        self._checkpoints = CheckpointWriter(
            parts.stores.checkpoints,
            parts.stores.meter,
            settings.checkpoint_max_bytes,
            parts.engine.to_bytes,
            parts.engine.checkpoint_cost,
            parts.background,
            parts.timing.monotonic,
        )

    async def run(self) -> None:
        """From a lease to a closed job. A lost lease ends it quietly; what belongs to the job ends the job.

        Raises:
            StoreUnavailable, WorkerLost: not the job's fault; the dispatcher gives it to another replica.
        """
        with about(job=self._job_id, fence=self._fence):
            await self._in_context()

    async def _in_context(self) -> None:
        try:
            await self._run()
        except (LeaseLost, JobNotFound) as error:
            log.info("The attempt ends: %s", error)
            await self._stores.meter.add({figure(FENCES_REFUSED, "attempt"): int(isinstance(error, LeaseLost))})
        except (StoreUnavailable, WorkerLost) as error:
            log.warning("The attempt gives up: %s", error)
            raise
        except ServiceUnavailable as error:  # of a part beside this replica: the job is to be tried again
            log.warning("The attempt gives up: %s", error)
            kind = WorkerLost if isinstance(error, PartFailed) else PartAway
            raise kind(error.message) from error
        except KinorayError as error:
            self.stop()
            await self._close_failed(error)
        finally:
            self.stop()
            self.lease = None

    def stop(self) -> None:
        """The engine drops the job at its next boundary; another attempt at it, in the same engine, goes on."""
        if self._facts is not None:
            self._engine.stop(self._job_id, self._facts)

    async def reprioritise(self) -> None:
        """The record has another priority. Raises JobNotFound, StoreUnavailable."""
        self._priority = (await self._stores.jobs.get(self._job_id)).priority
        self._engine.reprioritise(self._job_id, self._priority)

    async def _run(self) -> None:
        job = await self._stores.jobs.get(self._job_id)
        if job.fence != self._fence or job.phase.ended:
            raise LeaseLost(f"{self._job_id} has moved on.")
        if lacking := asked_of_replica(job.plan) - offered_by(self._parts.model):  # whoever sent it did not know
            raise PartAway(f"This replica does not have {', '.join(sorted(lacking))}; a newer one may.")
        with about_job(job), attempt_span(job, self._fence) as span:
            self._trace = AttemptTrace(span)
            log.info("started")
            await self._make(job, span.traceparent if span.kept else None)

    async def _make(self, job: Job, goes_by: str | None) -> None:
        settings = self._parts.settings
        self.lease = Lease(job.id, self._fence, job.plan.pool, self._stores.clock() + settings.lease_s)
        from_noise = job.plan.start is None and job.plan.draft is None and not job.plan.references
        keeps_latent = job.wishes.similar and job.wishes.cache.writes and from_noise
        facts = FactQueue(keeps_latent, self._stores.clock, goes_by)
        drafts = Drafts(job, self._fence, self._stores, self._parts.finishing, self._parts.background)
        self._log.leased(job.started_at)
        overhead_s = partial(self._overhead_s, job)
        progress = Progress(job.id, self._fence, self._stores, overhead_s, self._timing.monotonic, self._log)
        most_bytes = 2 * settings.loras_loaded_bytes  # those that were unloaded are read again from here
        async with self._parts.adapter_files.held(job.plan.uploads, self._stores.artifacts, most_bytes) as files:
            if files:
                self._engine.offer_adapters(files)
            await self._submit(job, facts, progress)
            try:
                await asyncio.wait_for(self._follow(job, facts, progress, drafts), settings.job_timeout_s)
            except asyncio.TimeoutError:
                raise TimedOut(f"It took longer than {settings.job_timeout_s:.0f} s.") from None

    async def _submit(self, job: Job, facts: FactQueue, progress: Progress) -> None:
        """Hand the job to the engine: from its checkpoint, if an earlier attempt left one, else from noise."""
        self._log.enter("inputs")
        checkpoint = await self._inputs.checkpoint(job)
        prompts = await self._prompts.find(job)
        hit, told = prompts.complete, self._parts.encoder is not None
        if told:
            await progress.phase(Phase.ENCODING)
        if not hit and not checkpoint:  # a checkpoint has the embeddings
            prompts = await self._encoded(job, facts)
        image = await self._inputs.image(job)
        source = await self._inputs.similar_latent(job)
        now = self._stores.clock()
        due_in_s = None if job.deadline is None else job.deadline - now
        priority = self._priority or job.priority
        urgency = self._engine.urgency(priority, due_in_s, max(0.0, now - job.created_at), job.tenant)
        self._facts = facts
        self._log.found(hit, checkpoint is not None)
        self._log.leave()
        self._log.waits(SLOT, None, self._stores.clock())
        self._engine.submit(
            job.id,
            job.plan,
            facts,
            prompts.prompt,
            prompts.negative,
            urgency=urgency,
            preview_every=self._parts.settings.preview_every if job.wishes.preview else 0,
            checkpoint=checkpoint,
            source=source,
            picture=image,
        )
        skipped = 0 if job.plan.start is None or source is None else job.plan.start.step
        before = job.cache.embedding_hit  # what the first attempt had to encode, the job did not find
        use = use_of(job.plan, skipped, CacheUse(embedding_hit=hit if before is None else before))
        # After the engine has it: an urgent job may then have the very next step, which is heard of behind this.
        noted: list[Awaitable[None]] = [] if told else [progress.phase(Phase.ENCODING)]
        await asyncio.gather(*noted, self._stores.jobs.note_cache(job.id, self._fence, use))

    async def _encoded(self, job: Job, facts: FactQueue) -> EncodedPrompts:
        """By the encoder that is asked beforehand, if there is one; else the engine encodes, and tells then."""
        began = self._timing.monotonic()
        if self._parts.encoder is not None:
            self._log.enter("encode")
        prompts = await self._prompts.encode(job)
        if prompts.complete:
            self._log.enter("inputs")
            facts.put(PromptsEncoded(prompts, self._timing.monotonic() - began))
        return prompts

    async def _follow(self, job: Job, facts: FactQueue, progress: Progress, drafts: Drafts) -> None:
        """Act on the engine's facts until the job has left the engine."""
        while True:
            fact = await facts.next()
            self._log.heed(fact, facts.at)
            match fact:
                case DraftMade(frames):
                    drafts.made(frames)
                case DraftJudged(verdict):
                    drafts.judged(verdict)
                case CheckpointMade(state):
                    self._checkpoints.take(job.id, self._fence, state)
                case LatentMade(clean):
                    self._latent = clean
                case SoundMade(heard):
                    self._heard = heard
                case PromptsEncoded(prompts, took_s):
                    await self._prompts.keep(job, prompts, took_s)
                case AttemptFailed(error):
                    raise error
                case FramesMade(frames, measured):
                    await progress.announce(Phase.POSTPROCESSING)
                    await drafts.settle()
                    return await self._finish(job, frames, measured)
                case told:
                    await self._tell(told, progress)

    async def _tell(self, told: Told, progress: Progress) -> None:
        match told:
            case PhaseChanged(phase):
                await progress.phase(phase)
            case StepDone() as done:
                await progress.step(done)
            case PreviewMade() as made:
                await progress.preview(made)
            case Moved() as move:
                self._trace.moved(move)
            case Stepped() as stepped:
                self._trace.stepped(stepped)
            case HeldUp() | WentOn():  # the account has them
                pass

    def _overhead_s(self, job: Job) -> float:
        return self._parts.measurements.overhead.of(shape_key(job.plan.stepped)) or self._parts.model.overhead_s

    async def _finish(self, job: Job, frames: NDArray[np.uint8], measured: Measured) -> None:
        """Hand the frames on, then learn from the job, and keep its latent for like ones."""
        settings, learned = self._parts.settings, self._parts.measurements
        energy_wh = learned.power.energy_wh(measured.device_seconds, settings.device_watts)
        measured = replace(measured, energy_wh=energy_wh)
        await hand_on(self._parts.finishing, job.id, self._fence, frames, measured, self._timing.sleep, self._heard)
        if job.attempts == 1:
            took_s = self._stores.clock() - own_time_began(job.created_at, job.started_at)
            more_s = job.plan.postprocessing.seconds if job.plan.postprocessing else 0.0  # which plans add themselves
            learned.overhead.learn(shape_key(job.plan.stepped), took_s - more_s, measured.stages_s)
        if self._latent is not None:
            await remember(job, self._latent, self._parts.caches, settings.similar_ttl_s)

    async def _close_failed(self, error: KinorayError) -> None:
        now = self._stores.clock()
        try:
            if isinstance(error, Cancelled):
                # Whoever cancelled has closed the record; if nobody has, this replica is leaving and hands it back.
                await self._checkpoints.settle()
                self._log.end(HANDED_BACK, MEMORY if error.error_code == MEMORY else REPLICA_LEFT)
                await self._stores.jobs.requeue(self._job_id, self._fence, now)
                log.info("handed over: %s", error)
                await self._stores.meter.add({figure(RETRIES, "handed_back"): 1})
                data, entries = {"phase": Phase.QUEUED.value}, self._log.entries()
                await self._stores.events.append(self._job_id, "phase", now, data, entries=entries)
                return
            self._log.end(FAILED, error.error_code)
            failure = Failure(error.error_code, error.message)
            await fail(self._job_id, self._fence, failure, self._stores, now, self._log.entries())
        except (LeaseLost, JobNotFound, IllegalTransition):
            return
