"""Repeats: a new job comes in, and a completed one goes out that was made from the stored result of the same plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.cache.results import ResultCache
from app.cache.store import RESULTS
from app.jobs.board import Board
from app.jobs.events import EventLog
from app.jobs.flights import Flights
from app.jobs.store import JobStore
from app.pictures import let_go
from app.telemetry import CACHE_HITS, JOBS_CREATED, JOBS_ENDED, STEP_SECONDS_SAVED, TIERS, Meter, Stages
from app.types import Artifact, CacheUse, Job, Phase


class Shared(Protocol):
    """The durable ports that routers, finishers and the dispatcher have in common."""

    @property
    def jobs(self) -> JobStore: ...
    @property
    def flights(self) -> Flights: ...
    @property
    def events(self) -> EventLog: ...
    @property
    def board(self) -> Board: ...
    @property
    def meter(self) -> Meter: ...
    @property
    def artifacts(self) -> ArtifactStore: ...


async def repeat(
    job: Job, key: str, results: ResultCache, stores: Shared, retention_s: float, now: float, stages: Stages
) -> Job | None:
    """A completed job, recorded, made from the result stored under its plan's key; None when there is none."""
    found = await results.get(key)
    stages.done("lookup")
    if found is None:
        return None
    await stores.board.hold(found.job_id, job.id)  # before the look, so that a delete in between cannot win
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
    await stores.jobs.create(done)
    stages.done("record")
    await stores.meter.add(
        {
            JOBS_CREATED: 1,
            f"{TIERS}:{job.plan.tier}": 1,
            f"{JOBS_ENDED}:completed": 1,
            f"{CACHE_HITS}:{RESULTS}": 1,
            STEP_SECONDS_SAVED: saved,
        }
    )
    return done


async def readable(artifacts: dict[str, Artifact], store: ArtifactStore) -> bool:
    """Whether the video is still there."""
    video = artifacts.get("video")
    return video is not None and await store.exists(video)


def makers(artifacts: Iterable[Artifact]) -> set[str]:
    """The ids of the jobs that made them."""
    return {artifact.key.split("/", 1)[0] for artifact in artifacts}


async def forget_artifacts(job: Job, board: Board, artifacts: ArtifactStore) -> None:
    """Remove a gone job's picture and artifacts unless another job needs it or was answered with them."""
    await let_go(job, board, artifacts)
    for origin in makers(job.artifacts.values()):
        if not await board.release(origin, job.id):
            return
    for artifact in job.artifacts.values():
        await artifacts.delete(artifact)
