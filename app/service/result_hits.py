"""Repeats: a new job comes in, and a completed one goes out that was made from the stored result of the same plan."""

from __future__ import annotations

from dataclasses import replace

from app.cache.results import ResultCache
from app.cache.store import RESULTS
from app.errors import KinorayError, StoreUnavailable
from app.jobs.admission_limits import UNLIMITED, AdmissionLimits
from app.plan.work import runs
from app.service.artifact_refs import readable
from app.service.endings import tell_end
from app.service.ports import Shared
from app.telemetry import CACHE_HITS, EVALUATIONS_SKIPPED, JOBS_CREATED, STEP_SECONDS_SAVED, TIERS, Stages
from app.types import CacheUse, Job, Phase


async def repeat(
    job: Job,
    key: str,
    results: ResultCache,
    stores: Shared,
    retention_s: float,
    now: float,
    stages: Stages,
    limits: AdmissionLimits = UNLIMITED,
) -> Job | None:
    """A completed job, recorded, made from the result stored under its plan's key; None when there is none.

    It is answered at once, even when it comes after jobs that have not ended: what it would wait for is made already.
    Raises what `app.jobs.admission_limits.refusal` makes.
    """
    found = await results.get(key)
    stages.done("lookup")
    if found is None:
        return None
    if not await stores.board.hold(found.job_id, job.id):  # before the look, so that a delete in between cannot win
        return None
    if not await readable(found.artifacts, stores.artifacts):
        await stores.board.release(found.job_id, job.id)
        await results.drop(key)
        return None
    saved = job.plan.estimate.step_seconds
    done = replace(
        job,
        phase=Phase.COMPLETED,
        step=job.plan.sampling.steps,
        started_at=job.created_at,
        completed_at=now,
        expires_at=job.created_at + retention_s,
        artifacts=found.artifacts,
        cache=CacheUse(kind="result", hit=True, saved_step_seconds=saved),
    )
    stages.done("files")
    try:
        await stores.jobs.create(done, limits)
    except StoreUnavailable:  # it may have been recorded all the same
        raise
    except KinorayError:
        await stores.board.release(found.job_id, job.id)
        raise
    stages.done("record")
    figures = {JOBS_CREATED: 1, f"{TIERS}:{job.plan.tier}": 1, f"{CACHE_HITS}:{RESULTS}": 1, STEP_SECONDS_SAVED: saved}
    figures[f"{EVALUATIONS_SKIPPED}:repeat"] = runs(job.plan)
    await tell_end(done, stores, now, figures, followed=False)
    return done
