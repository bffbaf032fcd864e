"""One attempt at one job on this replica: encode, step, report, hand the frames on; every write carries the fence."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from app.cache.embeddings import EmbeddingCache
from app.cache.keys import embedding_key, pool_of
from app.engine.denoiser import JobState
from app.engine.embedding import Embedding
from app.engine.loop import Engine
from app.engine.overhead import Overhead
from app.engine.power import Power
from app.errors import (
    Cancelled,
    GenerationError,
    IllegalTransition,
    JobNotFound,
    KinorayError,
    LeaseLost,
    StoreUnavailable,
    TimedOut,
    WorkerLost,
)
from app.settings import Settings
from app.telemetry import JOBS_ENDED
from app.types import CacheUse, Failure, Job, Lease, Measured, ModelProfile, Phase
from app.video.preview import data_url, glimpse
from deployments.handles import ask
from deployments.keeper import Keeper
from deployments.stores import Stores

log = logging.getLogger("ray.serve")
REPORT_S = 0.25  # steps are reported at most this often
FINISH_TRIES = 4
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
        embeddings: EmbeddingCache,
        finisher: DeploymentHandle[Any],
        model: ModelProfile,
        figures: ReplicaFigures,
    ) -> None:
        self.lease: Lease | None = None
        self._stores = stores
        self._settings = settings
        self._engine = engine
        self._embeddings = embeddings
        self._finisher = finisher
        self._model = model
        self._figures = figures
        self._began = time.monotonic()
        self._keeper = Keeper(stores.checkpoints, engine, settings.checkpoint_max_bytes)
        self._at = (0, 0)  # the step last heard of, and how many there are
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    # Sink: called on the engine's thread
    def phase(self, phase: Phase) -> None:
        self._put("phase", phase)

    def step(self, step: int, total: int, eta_s: float) -> None:
        self._at = (step, total)
        self._put("step", (step, eta_s))

    def preview(self, frame: NDArray[np.uint8]) -> None:
        self._put("preview", (*self._at, frame))

    def checkpoint(self, state: JobState) -> None:
        self._put("checkpoint", state)

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
            self.lease = Lease(job_id, fence, job.plan.pool, time.time() + self._settings.lease_s)
            await self._report_phase(job, Phase.ENCODING)
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
        prompt, negative = (None, None) if kept else await self._encode(job)  # a checkpoint has the embeddings
        now = time.time()
        due_in_s = None if job.deadline is None else job.deadline - now
        self._engine.submit(
            job.id,
            job.plan,
            self,
            prompt,
            negative,
            urgency=self._engine.urgency(job.priority, due_in_s, waited_s=max(0.0, now - job.created_at)),
            preview_every=self._settings.preview_every if job.preview else 0,
            checkpoint=kept,
        )

    async def _encode(self, job: Job) -> tuple[Embedding, Embedding]:
        """Embeddings of prompt and negative prompt: from the cache, else from the encoder."""
        texts = (job.plan.prompt, job.plan.negative_prompt)
        pool = pool_of(job.tenant, self._settings.share_embeddings)
        keys = [embedding_key(job.plan.revision, text, pool) for text in texts]
        found = [await self._embeddings.get(key) if job.cache_mode.reads_parts else None for key in keys]
        missing = [text for text, tensors in zip(texts, found, strict=True) if tensors is None]
        if missing:
            began, ttl_s = time.monotonic(), self._settings.embedding_ttl_s
            answer: list[Embedding] = await asyncio.wrap_future(self._engine.encode(missing))
            each_s = (time.monotonic() - began) / len(missing)
            made = iter(answer)
            for index, tensors in enumerate(found):
                if tensors is None:
                    found[index] = next(made)
                    if job.cache_mode.writes_parts:
                        await self._embeddings.put(keys[index], found[index] or {}, ttl_s, each_s)
        hit = len(missing) == 0
        await self._stores.jobs.note_cache(job.id, self._fence, CacheUse(embedding_hit=hit))
        prompt, negative = (tensors or {} for tensors in found)
        return prompt, negative

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
            elif kind == "failed":
                raise fact
            else:
                await self._finish(job, *fact)
                return

    async def _report_phase(self, job: Job, phase: Phase) -> None:
        now = time.time()
        await self._stores.jobs.advance(job.id, self._fence, phase, now)
        await self._stores.events.append(job.id, "phase", now, {"phase": phase.value})

    async def _report_step(self, job: Job, step: int, eta_s: float) -> None:
        now, total = time.time(), job.plan.sampling.steps
        eta_s = round(eta_s + (self._figures.overhead.seconds or self._model.overhead_s), 2)
        await self._stores.jobs.advance(job.id, self._fence, Phase.DENOISING, now, step, eta_s)
        await self._stores.events.append(job.id, "step", now, {"step": step, "total_steps": total, "eta_s": eta_s})

    async def _report_preview(self, job: Job, step: int, total: int, frame: NDArray[np.uint8]) -> None:
        picture = await asyncio.to_thread(glimpse, frame)
        height, width = frame.shape[:2]
        data = {"step": step, "total_steps": total, "width": width, "height": height, "image": data_url(picture)}
        await self._stores.events.append(job.id, "preview", time.time(), data)

    async def _finish(self, job: Job, frames: NDArray[np.uint8], measured: Measured) -> None:
        """Hand the frames on; a finisher that dies is asked again elsewhere, since the frames are still here."""
        await self._stores.events.append(job.id, "phase", time.time(), {"phase": Phase.POSTPROCESSING.value})
        energy_wh = self._figures.power.energy_wh(measured.device_seconds, self._settings.device_watts)
        measured = replace(measured, energy_wh=energy_wh)
        for left in range(FINISH_TRIES - 1, -1, -1):
            try:
                call = self._finisher.finish.remote(job.id, self._fence, frames, measured)
                await ask(call, FINISH_TIMEOUT_S, "finisher")
                self._figures.overhead.learn(time.monotonic() - self._began, measured.stages_s)
                return
            except (LeaseLost, JobNotFound):
                raise
            except (KinorayError, RayError, RayServeException) as error:
                if left == 0:
                    raise GenerationError(f"The video could not be stored: {error}", code="finish_failed") from error
                log.warning("The finisher failed for %s: %s", job.id, error)
                await asyncio.sleep(0.5 * (FINISH_TRIES - left))

    async def _close_failed(self, job_id: str, fence: int, error: KinorayError) -> None:
        failure = Failure(error.error_code, error.message)
        now = time.time()
        try:
            if isinstance(error, Cancelled):
                # Whoever cancelled has closed the record; if nobody has, this replica is leaving and hands it back.
                await self._keeper.settle()
                await self._stores.jobs.requeue(job_id, fence, now)
                return
            await self._stores.jobs.fail(job_id, fence, failure, now)
        except (LeaseLost, JobNotFound, IllegalTransition):
            return
        data = {"status": "failed", "error": {"code": failure.code, "message": failure.message}}
        await self._stores.events.append(job_id, "end", now, data)
        await self._stores.meter.add({f"{JOBS_ENDED}:{failure.code}": 1})
