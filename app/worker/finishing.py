"""Frames come in, a closed job goes out: artifacts stored, then the record, then the cache, then who follows it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from app.artifacts.store import UNAVAILABLE
from app.cache.keys import plan_digest, results_pool
from app.cache.results import CachedResult, ResultCache
from app.errors import GenerationError, JobNotFound, KinorayError, LeaseLost, ServiceUnavailable, StoreUnavailable
from app.jobs.reports.account import finish_entry
from app.jobs.store import find
from app.line.rules import rules_of
from app.logs.context import about_job
from app.models.postprocessing import files_of
from app.plan.savings import savings
from app.plan.speculative.speculative import FAILED, plain_walk
from app.service.artifact_refs import DRAFT, mark_cached, owners
from app.service.background import Background
from app.service.endings import closed_by, tell_end
from app.service.manifests import digest_of, key_of, store_manifest
from app.service.similar_start import figures_of, use_of
from app.service.single_flight import resolve
from app.settings import Settings
from app.telemetry import (
    COST,
    DEVICE_SECONDS,
    ENERGY,
    EVALUATIONS,
    EVALUATIONS_SKIPPED,
    STEPS_FIXED,
    STEPS_PLANNED,
    figure,
)
from app.tracing.jobs import attempt_of
from app.tracing.spans import span
from app.types import Artifact, Job, Measured, Phase
from app.types.waveform import Waveform
from app.video.encode import checked, encode
from app.video.finish import UNSTORED, File, Shown, again_in, finish
from app.video.join import joined
from app.video.postprocess import Postprocessor
from app.video.sound import checked as heard_checked
from app.video.sound import joined as sounds_joined
from app.video.sound import sound_of
from app.worker.ports import Finishing, FinishingStores, StoredDraft
from app.worker.tenant_turns import TenantTurns, cores

log = logging.getLogger(__name__)
Encode = Callable[[NDArray[np.uint8], int, Shown | None, Waveform | None], dict[str, File]]


def resident_bytes() -> int:
    """What this process holds in host memory."""
    return int(psutil.Process().memory_info().rss)


class JobFinisher:
    """The Finishing port. It encodes on worker threads, so that its loop stays free for health checks.

    How many at a time, and whose first, is up to `turns`; without them as many as cores leave room for.

    `encode` makes the files of frames and sound, as `app.video.finish.finish`.
    """

    def __init__(
        self,
        stores: FinishingStores,
        settings: Settings,
        results: ResultCache,
        background: Background,
        monotonic: Callable[[], float] = time.monotonic,
        encode: Encode = finish,
        host_bytes: Callable[[], int] = resident_bytes,
        turns: TenantTurns | None = None,
    ) -> None:
        self._stores = stores
        self._settings = settings
        self._results = results
        self._background = background
        self._monotonic = monotonic
        self._encode = encode
        self._host_bytes = host_bytes
        self._turns = turns or TenantTurns(rules_of(settings), cores(), monotonic)
        self._postprocessor = Postprocessor(files_of(settings))

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        """Close a job with its frames, uint8 (F, H, W, 3), and what is heard with them. Raises what the port says."""
        started = self._monotonic()
        stores = self._stores
        await stores.clock.sync()
        told: dict[str, Any] = {"began_at": stores.clock(), "host_bytes": self._host_bytes()}
        job = await stores.jobs.get(job_id)
        if job.fence == fence and job.phase is Phase.COMPLETED:
            return  # a former call closed it, and its answer was lost
        if job.fence != fence:
            raise LeaseLost(f"{job_id} has moved on from fence {fence}.")
        with about_job(job), span("finish", attempt_of(job, fence), kind="server", facts={"job": job_id}):
            try:
                await self._close(job, frames, heard, measured, started, told)
            except (LeaseLost, JobNotFound) as error:
                log.info("Not finished: %s", error)
                raise
            except Exception as error:
                log.warning("Not finished: %s", error, exc_info=True)
                raise

    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft:
        """Store a job's draft as a video. Raises what the port says."""
        job = await self._stores.jobs.get(job_id)
        if job.fence != fence:
            raise LeaseLost(f"{job_id} has moved on from fence {fence}.")
        with about_job(job), span("draft", attempt_of(job, fence), kind="server", facts={"job": job_id}):
            async with self._turns.turn(job.tenant, job.priority):
                mp4 = await asyncio.to_thread(encode, checked(frames), job.plan.spec.fps)
            digest = digest_of(mp4)
            key = key_of(job_id, fence, DRAFT, digest, ".mp4")
            return StoredDraft(await self._stores.artifacts.put(key, mp4, "video/mp4"), digest)

    async def _close(
        self,
        job: Job,
        frames: NDArray[np.uint8],
        heard: Waveform | None,
        measured: Measured,
        started: float,
        told: dict[str, Any],
    ) -> None:
        stores, job_id, fence = self._stores, job.id, job.fence
        await stores.jobs.advance(job_id, fence, Phase.POSTPROCESSING, stores.clock(), job.plan.sampling.steps, 0.0)
        # 1. Artifacts
        async with self._turns.turn(job.tenant, job.priority):
            heard = None if heard is None else await self._heard(job, heard)
            files = await self._made(job, *await self._shown(job, frames), heard)
        told["encoded_at"] = stores.clock()
        artifacts, digests = await self._store(job, files, told)
        if job.draft is not None and job.draft.artifact is not None:
            artifacts, digests = artifacts | {DRAFT: job.draft.artifact}, digests | {DRAFT: job.draft.sha256}
        cache = job.cache
        if job.plan.start is not None and cache.steps_skipped != measured.steps_skipped:
            cache = use_of(job.plan, measured.steps_skipped, cache)
            await stores.jobs.note_cache(job_id, fence, cache)
        # 2. The record; beside the files first, where a restore finds it
        now = stores.clock()
        stages = {**measured.stages_s, "finish": self._monotonic() - started, "total": now - job.created_at}
        made = replace(
            job,
            phase=Phase.COMPLETED,
            step=job.plan.sampling.steps,
            eta_s=None,
            completed_at=now,
            expires_at=now + self._settings.retention_s,
            artifacts=artifacts,
            measured=replace(measured, stages_s=stages),
            cache=cache,
        )
        done = await self._complete(made, digests)
        if not closed_by(done, now):
            return
        # 3. The cache, then those who follow: who asks again on hearing of the end gets the cached video
        await self._remember(done)
        figures = _figures(done, self._settings.price_per_device_hour)
        await tell_end(done, stores, now, figures, entries={finish_entry(fence): told})
        # 4. Those who waited for the same video; the replica that made it need not
        self._background.spawn(self._resolve_flight(done, now), f"flight of {job_id}")

    async def _complete(self, made: Job, digests: Mapping[str, str]) -> Job:
        """Write the record as it is to be; one who has lost the job takes its files away again."""
        stores, measured = self._stores, made.measured or Measured()
        now, expires_at = made.completed_at or 0.0, made.expires_at or 0.0
        manifest = await store_manifest(made, digests, stores.artifacts)
        try:
            await stores.board.hold(made.id, made.id)
            done = await stores.jobs.complete(made.id, made.fence, made.artifacts, measured, now, expires_at)
        except LeaseLost:
            own = [artifact for variant, artifact in made.artifacts.items() if variant != DRAFT]  # it is of the record
            for artifact in [manifest, *own] if await self._let_go(made) else ():
                await stores.artifacts.delete(artifact)
            raise
        with suppress(StoreUnavailable):  # one that lost the job meanwhile may have let go of it, in the same name
            await stores.board.hold(made.id, made.id)
        return done

    async def _let_go(self, made: Job) -> bool:
        """Of its own files; the attempt that has the job holds its own in the same name, and keeps that.

        False: they may be another attempt's, too. After a failover that lost a lease its fence is given once more, and
        the same content under the same fence is the same file; what nobody names then, the sweep of orphans finds.
        """
        stores = self._stores
        await stores.board.release(made.id, made.id)
        job = await find(stores.jobs, made.id)
        if job is not None and made.id in owners(job.artifacts.values()):
            await stores.board.hold(made.id, made.id)
        return job is None or job.fence > made.fence or job.phase is Phase.FAILED

    async def _resolve_flight(self, job: Job, now: float) -> None:
        try:
            await resolve(plan_digest(job.plan, job.tenant), self._stores, self._settings.retention_s, now)
        except KinorayError as error:
            log.info("Left to the dispatcher: %s", error)

    async def _shown(self, job: Job, frames: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Shown | None]:
        """The frames, and what is shown instead of them, made only as it is taken.

        With a video that the job extends the whole file, whose frames come first. Raises ArtifactLost.
        """
        before, more = job.plan.extends, job.plan.postprocessing
        if more is not None:
            pictures = self._postprocessor.pictures(checked(frames), job.plan.spec.fps, more)
            if before is None:
                return frames, Shown(pictures, more.frames)
            frames = await asyncio.to_thread(np.stack, await asyncio.to_thread(list, pictures))
        if before is None:
            return frames, None
        mp4 = b"".join([chunk async for chunk in self._stores.artifacts.read(before.video)])
        return await asyncio.to_thread(joined, mp4, frames), None

    async def _heard(self, job: Job, heard: Waveform) -> Waveform:
        """The sound of the whole file, checked: with a video that the job extends, that video's first."""
        heard, before = heard_checked(heard).lasting(job.plan.spec.seconds), job.plan.extends
        if before is None:
            return heard
        mp4 = b"".join([chunk async for chunk in self._stores.artifacts.read(before.video)])
        fps = job.plan.whole.fps
        sound = await asyncio.to_thread(sound_of, mp4)
        return await asyncio.to_thread(sounds_joined, sound, before.frames / fps, heard, 1 / fps)

    async def _made(
        self, job: Job, frames: NDArray[np.uint8], shown: Shown | None, heard: Waveform | None
    ) -> dict[str, File]:
        return await asyncio.to_thread(self._encode, frames, job.plan.whole.fps, shown, heard)

    async def _store(
        self, job: Job, files: Mapping[str, File], told: dict[str, Any]
    ) -> tuple[dict[str, Artifact], dict[str, str]]:
        """The files, stored, and their digests; `told` is what the job's account is to say of it."""
        digests = {variant: digest_of(file.content) for variant, file in files.items()}
        artifacts = {
            variant: await self._stores.artifacts.put(
                key_of(job.id, job.fence, variant, digests[variant], file.extension), file.content, file.content_type
            )
            for variant, file in files.items()
        }
        told |= {"stored_at": self._stores.clock(), "size_bytes": sum(each.size_bytes for each in artifacts.values())}
        return artifacts, digests

    async def _remember(self, job: Job) -> None:
        plan = job.plan
        if job.draft is not None and job.draft.verdict == FAILED:  # its video is that of the plan without one
            plan = plain_walk(plan)
        if job.wishes.cache.writes:
            result = CachedResult(job.id, job.artifacts, job.completed_at or 0.0, plan.estimate.step_seconds)
            ttl_s = min(job.wishes.cache_ttl_s or self._settings.result_ttl_s, self._settings.artifacts_kept_s)
            await mark_cached(job.id, ttl_s, self._stores.board)
            pool = job.tenant if plan.start else results_pool(plan, job.tenant, self._settings.share_results)
            await self._results.put(plan_digest(plan, pool), result, ttl_s)


async def hand_on(
    finishing: Finishing,
    job_id: str,
    fence: int,
    frames: NDArray[np.uint8],
    measured: Measured,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    heard: Waveform | None = None,
) -> None:
    """Have a job closed with its frames, uint8 (F, H, W, 3), and sound; one that fails is asked again with them.

    Raises:
        LeaseLost, JobNotFound: somebody else has the job.
        GenerationError: `artifact_store_failed` or `finish_failed`, after the last try.
    """
    for tries in count(1):
        try:
            return await finishing.finish(job_id, fence, frames, measured, heard)
        except (LeaseLost, JobNotFound):
            raise
        except KinorayError as error:
            wait_s = again_in(tries, away=isinstance(error, ServiceUnavailable))
            if wait_s is None:
                code = UNSTORED if error.error_code == UNAVAILABLE else "finish_failed"
                raise GenerationError(f"The video could not be stored: {error}", code=code) from error
            log.warning("The finisher failed for %s: %s", job_id, error)
            await sleep(wait_s)


def _figures(job: Job, price_per_device_hour: float | None) -> Mapping[str, float]:
    """What a job that was made counts beside what every end does."""
    spared, measured = savings(job.plan), job.measured or Measured()
    kind = (job.plan.tier, job.plan.model)
    paid = {} if price_per_device_hour is None else {COST: measured.device_seconds * price_per_device_hour / 3600}
    used = {DEVICE_SECONDS: measured.device_seconds, ENERGY: 3600 * (measured.energy_wh or 0.0)} | paid
    begun = job.plan.start.spared if job.plan.start is not None and measured.steps_skipped else 0
    return {
        **{figure(name, *kind): value for name, value in used.items()},
        figure(EVALUATIONS_SKIPPED, "planned"): max(0, spared.saved - begun),
        figure(EVALUATIONS_SKIPPED, "similar"): begun,
        EVALUATIONS: measured.evaluations,
        STEPS_PLANNED: spared.run,
        STEPS_FIXED: spared.full,
    } | figures_of(job, measured.steps_skipped)
