"""One attempt at one job on this replica: encode, step, report, hand the frames on; every write carries the fence."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from app.artifacts.store import UNAVAILABLE
from app.cache.embeddings import EmbeddingCache
from app.cache.keys import picture_key, pool_of
from app.cache.similar import Latent, kept_latent
from app.engine.denoiser import JobState
from app.engine.embedding import Embedding
from app.engine.encoding import Encoder
from app.engine.loop import Engine
from app.engine.timing.overhead import Overhead, since
from app.engine.timing.power import Power
from app.errors import (
    Cancelled,
    GenerationError,
    IllegalTransition,
    JobNotFound,
    KinorayError,
    LeaseLost,
    ServiceUnavailable,
    StoreUnavailable,
    TimedOut,
    WorkerLost,
)
from app.plan.cost import shape_key
from app.service.endings import fail
from app.service.similar_start import Shelf, remember, use_of
from app.settings import Settings
from app.stores import Stores
from app.types import CacheUse, Failure, Job, Lease, Measured, ModelProfile, Phase
from app.video.finish import UNSTORED, again_in
from app.video.picture import fitted
from app.video.preview import data_url, glimpse
from app.worker.checkpoint_writer import Keeper
from app.worker.prompt_embeddings import Texts, TextShelf
from deployments.handles import ask

log = logging.getLogger("ray.serve")
REPORT_S = 0.25  # steps are reported at most this often
FINISH_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class ReplicaFigures:
    """What a replica learns of itself from job to job."""

    overhead: Overhead
    power: Power


class Attempt:
    """Bridges the engine's thread and the stores for one job. It is also the engine's Sink."""

    def __init__(
        self,
        stores: Stores,
        settings: Settings,
        engine: Engine,
        encoder: Encoder | None,
        shelf: Shelf,
        finisher: DeploymentHandle[Any],
        model: ModelProfile,
        figures: ReplicaFigures,
    ) -> None:
        self.lease: Lease | None = None
        self._stores = stores
        self._settings = settings
        self._engine = engine
        self._shelf = shelf
        self._embeddings = EmbeddingCache(shelf.cache)
        self._latent: Latent | None = None
        self._use = CacheUse()
        self.keeps_latent = False
        self._texts = TextShelf(self._embeddings, settings, encoder)
        self._finisher = finisher
        self._model = model
        self._figures = figures
        self._keeper = Keeper(stores.checkpoints, engine, settings.checkpoint_max_bytes)
        self._at = (0, 0)  # the step last heard of, and how many there are
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    # Sink: called on the engine's thread
    def phase(self, phase: Phase) -> None:
        if phase is not Phase.ENCODING:  # told when the attempt began
            self._put("phase", phase)

    def step(self, step: int, total: int, eta_s: float) -> None:
        self._at = (step, total)
        self._put("step", (step, eta_s))

    def preview(self, frame: NDArray[np.uint8]) -> None:
        self._put("preview", (*self._at, frame))

    def checkpoint(self, state: JobState) -> None:
        self._put("checkpoint", state)

    def latent(self, clean: NDArray[np.float32]) -> None:
        self._put("latent", clean)

    def encoded(self, prompt: Embedding, negative: Embedding, took_s: float) -> None:
        self._put("encoded", (Texts(prompt, negative), took_s))

    def done(self, frames: NDArray[np.uint8], measured: Measured) -> None:
        self._put("done", (frames, measured))

    def failed(self, error: GenerationError) -> None:
        self._put("failed", error)

    def _put(self, kind: str, fact: Any) -> None:
        self._loop.call_soon_threadsafe(self._news.put_nowait, (kind, fact))

    async def run(self, job_id: str, fence: int) -> None:
        """From a lease to a closed job. Never raises for what belongs to the job; a lost lease ends it quietly."""
        try:
            job = await self._stores.jobs.get(job_id)
            if job.fence != fence or job.phase.ended:
                raise LeaseLost(f"{job_id} has moved on.")
            self.lease = Lease(job_id, fence, job.plan.pool, self._stores.clock() + self._settings.lease_s)
            await self._submit(job)
            try:
                await asyncio.wait_for(self._follow(job), self._settings.job_timeout_s)
            except asyncio.TimeoutError:
                raise TimedOut(f"It took longer than {self._settings.job_timeout_s:.0f} s.") from None
        except (LeaseLost, JobNotFound) as error:
            self._engine.stop(job_id)
            log.info("Attempt %s of %s ends: %s", fence, job_id, error)
        except (StoreUnavailable, WorkerLost) as error:  # not the job's fault: the dispatcher gives it to another
            self._engine.stop(job_id)
            log.warning("Attempt %s of %s gives up: %s", fence, job_id, error)
            raise
        except KinorayError as error:
            self._engine.stop(job_id)
            await self._close_failed(job_id, fence, error)
        finally:
            self.lease = None

    async def _submit(self, job: Job) -> None:
        """Hand the job to the engine: from its checkpoint, if an earlier attempt left one, else from noise."""
        kept = await self._stores.checkpoints.get(job.id) if job.attempts > 1 else None
        texts, _ = await asyncio.gather(self._texts.find(job), self._report_phase(job, Phase.ENCODING))
        hit = texts.hit
        if not hit and not kept:  # a checkpoint has the embeddings
            began = time.monotonic()
            texts = await self._texts.encoded(job)
            if texts.hit:  # else the engine encodes, and tells then
                self._put("encoded", (texts, time.monotonic() - began))
        picture = await self._look(job)
        self._use = CacheUse(embedding_hit=hit)
        source = await self._source(job)
        self.keeps_latent = job.similar and job.cache_mode.writes and job.plan.start is None
        now = self._stores.clock()
        due_in_s = None if job.deadline is None else job.deadline - now
        self._engine.submit(
            job.id,
            job.plan,
            self,
            texts.prompt,
            texts.negative,
            urgency=self._engine.urgency(job.priority, due_in_s, waited_s=max(0.0, now - job.created_at)),
            preview_every=self._settings.preview_every if job.preview else 0,
            checkpoint=kept,
            source=source,
            picture=picture,
        )
        if job.plan.start is None:
            await self._stores.jobs.note_cache(job.id, self._fence, self._use)

    async def _source(self, job: Job) -> Latent | None:
        """The latent that the plan begins with, if it is still there; the job says which of the two."""
        start = job.plan.start
        if start is None:
            return None
        latent = await kept_latent(self._shelf.cache, start.entry)
        use = use_of(job.plan, 0 if latent is None else start.step, self._use)
        await self._stores.jobs.note_cache(job.id, self._fence, use)
        return latent

    async def _look(self, job: Job) -> Embedding:
        """What the model makes of the job's picture: from the cache, else read, fitted and encoded; {} without one."""
        plan = job.plan
        if plan.image is None:
            return {}
        key = picture_key(plan.revision, plan.image, plan.spec, pool_of(job.tenant, self._settings.share_embeddings))
        found = await self._embeddings.get(key) if job.cache_mode.reads_parts else None
        if found is not None:
            return found
        began = time.monotonic()
        png = b"".join([chunk async for chunk in self._stores.artifacts.read(plan.image)])
        picture = await asyncio.to_thread(fitted, png, plan.spec.width, plan.spec.height)
        made = await asyncio.wrap_future(self._engine.encode_image(picture, plan.spec))
        if job.cache_mode.writes_parts:
            await self._embeddings.put(key, made, self._settings.embedding_ttl_s, time.monotonic() - began)
        return made

    @property
    def _fence(self) -> int:
        if self.lease is None:
            raise LeaseLost("There is no lease.")
        return self.lease.fence

    async def _follow(self, job: Job) -> None:
        """Report the engine's facts, steps coalesced to a few per second, until the job leaves the engine."""
        reported_at = 0.0
        while True:
            kind, fact = await self._news.get()
            if kind == "phase":
                await self._report_phase(job, fact)
            elif kind == "step":
                if time.monotonic() - reported_at >= REPORT_S:
                    reported_at = time.monotonic()
                    await self._report_step(job, *fact)
            elif kind == "preview":
                await self._report_preview(job, *fact)
            elif kind == "checkpoint":
                self._keeper.take(job.id, self._fence, fact)
            elif kind == "latent":
                self._latent = fact
            elif kind == "encoded":
                await self._texts.keep(job, *fact)
            elif kind == "failed":
                raise fact
            else:
                await self._finish(job, *fact)
                return

    async def _report_phase(self, job: Job, phase: Phase) -> None:
        now = self._stores.clock()
        await self._stores.jobs.advance(job.id, self._fence, phase, now)
        await self._stores.events.append(job.id, "phase", now, {"phase": phase.value}, self._fence)

    async def _report_step(self, job: Job, step: int, eta_s: float) -> None:
        now, total = self._stores.clock(), job.plan.sampling.steps
        eta_s = round(eta_s + (self._figures.overhead.of(shape_key(job.plan.spec)) or self._model.overhead_s), 2)
        await self._stores.jobs.advance(job.id, self._fence, Phase.DENOISING, now, step, eta_s)
        data = {"step": step, "total_steps": total, "eta_s": eta_s}
        await self._stores.events.append(job.id, "step", now, data, self._fence)

    async def _report_preview(self, job: Job, step: int, total: int, frame: NDArray[np.uint8]) -> None:
        picture = await asyncio.to_thread(glimpse, frame)
        height, width = frame.shape[:2]
        data = {"step": step, "total_steps": total, "width": width, "height": height, "image": data_url(picture)}
        await self._stores.events.append(job.id, "preview", self._stores.clock(), data, self._fence)

    async def _finish(self, job: Job, frames: NDArray[np.uint8], measured: Measured) -> None:
        """Hand the frames on; a finisher that dies is asked again elsewhere, since the frames are still here."""
        now, data = self._stores.clock(), {"phase": Phase.POSTPROCESSING.value}
        await self._stores.events.append(job.id, "phase", now, data, self._fence)
        energy_wh = self._figures.power.energy_wh(measured.device_seconds, self._settings.device_watts)
        measured = replace(measured, energy_wh=energy_wh)
        for tries in count(1):
            try:
                call = self._finisher.finish.remote(job.id, self._fence, frames, measured)
                await ask(call, FINISH_TIMEOUT_S, "finisher")
                if job.attempts == 1:
                    took_s = self._stores.clock() - since(job.created_at, job.started_at)
                    self._figures.overhead.learn(shape_key(job.plan.spec), took_s, measured.stages_s)
                if self._latent is not None:
                    await remember(job, self._latent, self._shelf, self._settings.similar_ttl_s)
                return
            except (LeaseLost, JobNotFound):
                raise
            except (KinorayError, RayError, RayServeException) as error:
                wait_s = again_in(tries, isinstance(error, (ServiceUnavailable, RayError, RayServeException)))
                if wait_s is None:
                    code = UNSTORED if getattr(error, "error_code", "") == UNAVAILABLE else "finish_failed"
                    raise GenerationError(f"The video could not be stored: {error}", code=code) from error
                log.warning("The finisher failed for %s: %s", job.id, error)
                await asyncio.sleep(wait_s)

    async def _close_failed(self, job_id: str, fence: int, error: KinorayError) -> None:
        failure = Failure(error.error_code, error.message)
        now = self._stores.clock()
        try:
            if isinstance(error, Cancelled):
                # Whoever cancelled has closed the record; if nobody has, this replica is leaving and hands it back.
                await self._keeper.settle()
                await self._stores.jobs.requeue(job_id, fence, now)
                await self._stores.events.append(job_id, "phase", now, {"phase": Phase.QUEUED.value})
                return
            await fail(job_id, fence, failure, self._stores, now)
        except (LeaseLost, JobNotFound, IllegalTransition):
            return
