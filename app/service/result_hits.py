"""Repeats: a new job comes in, and a completed one goes out that was made from the stored result of the same plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.cache.results import ResultCache
from app.cache.store import RESULTS
from app.errors import ArtifactLost, KinorayError, StoreUnavailable
from app.jobs.board import Board
from app.jobs.entrance import ANYONE, Entrance
from app.jobs.events import EventLog
from app.jobs.flights import Flights
from app.jobs.store import JobStore
from app.service.input_image import let_go
from app.telemetry import CACHE_HITS, JOBS_CREATED, JOBS_ENDED, STEP_SECONDS_SAVED, TIERS, Meter, Stages
from app.types import Artifact, CacheUse, Job, Phase

MARKED_LONGER_S = 60.0  # than the cached result lives: a request may have found it in its last moment


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
    job: Job,
    key: str,
    results: ResultCache,
    stores: Shared,
    retention_s: float,
    now: float,
    stages: Stages,
    entrance: Entrance = ANYONE,
) -> Job | None:
    """A completed job, recorded, made from the result stored under its plan's key; None when there is none.

    It is answered at once, even when it comes after jobs that have not ended: what it would wait for is made already.
    Raises what `app.jobs.entrance.refusal` makes.
    """
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
    try:
        await stores.jobs.create(done, entrance)
    except StoreUnavailable:  # it may have been recorded all the same
        raise
    except KinorayError:
        await stores.board.release(found.job_id, job.id)
        raise
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


def lost(job: Job, variant: str, kept_s: float, now: float) -> ArtifactLost:
    """What a completed job answers whose file is not there: its time was over, or it was lost before that."""
    if now >= (job.completed_at or 0.0) + kept_s:
        return ArtifactLost(f"The {variant} of {job.id} was kept for {kept_s:g} s.", code="content_expired")
    return ArtifactLost(f"The {variant} of {job.id} was lost with its disk; ask again, and it is made anew.")


def makers(artifacts: Iterable[Artifact]) -> set[str]:
    """The ids of the jobs that made them."""
    return {artifact.key.split("/", 1)[0] for artifact in artifacts}


def cached_mark(maker: str) -> str:
    """The name of the note that says that a cached result refers to the files of a job."""
    return f"cached:{maker}"


async def mark_cached(job_id: str, ttl_s: float, board: Board) -> None:
    """Before a result is cached for `ttl_s`: its files are not to go with the record that made them."""
    await board.post(cached_mark(job_id), {}, ttl_s + MARKED_LONGER_S)


async def forget_artifacts(job: Job, board: Board, artifacts: ArtifactStore, even_cached: bool = True) -> None:
    """Remove a gone job's picture and artifacts unless another job needs it or was answered with them.

    Its owner's wish goes before a cached result that refers to them; the end of its time (`even_cached` False) not.
    """
    await let_go(job, board, artifacts)
    for origin in makers(job.artifacts.values()):
        if not await board.release(origin, job.id):
            return
        if not even_cached and await board.look(cached_mark(origin)) is not None:
            return
    for artifact in job.artifacts.values():
        await artifacts.delete(artifact)
