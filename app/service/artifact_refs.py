"""Who needs a stored file: its maker, jobs answered with it, cached results; what nobody needs is removed."""

from __future__ import annotations

from collections.abc import Iterable

from app.artifacts.store import ArtifactStore
from app.errors import ArtifactLost
from app.jobs.board import Board
from app.service.input_image import let_go, maker_of
from app.service.manifests import forget_manifests
from app.service.removal import remove_retired
from app.types import Artifact, Job

DRAFT = "draft"  # the variant that a speculative job shows first
MARKED_LONGER_S = 60.0  # than the cached result lives: a request may have found it in its last moment


async def readable(artifacts: dict[str, Artifact], store: ArtifactStore) -> bool:
    """Whether the video is still there."""
    video = artifacts.get("video")
    return video is not None and await store.exists(video)


def lost(job: Job, variant: str, kept_s: float, now: float) -> ArtifactLost:
    """What a completed job answers whose file is not there: its time was over, or it was lost before that."""
    if now >= (job.completed_at or 0.0) + kept_s:
        return ArtifactLost(f"The {variant} of {job.id} was kept for {kept_s:g} s.", code="content_expired")
    return ArtifactLost(f"The {variant} of {job.id} was lost with its disk; ask again, and it is made anew.")


def owners(artifacts: Iterable[Artifact]) -> set[str]:
    """The ids of the jobs that made them."""
    return {maker_of(artifact) for artifact in artifacts}


def cached_mark(maker: str) -> str:
    """The name of the note that says that a cached result refers to the files of a job."""
    return f"cached:{maker}"


async def clear_orphan(name: str, artifacts: ArtifactStore, grace_s: float, now: float) -> bool:
    """Remove the files of a maker that has no record, unless one is too young: it may not have one yet."""
    written_at = await artifacts.written_at(name)
    if written_at is None or now - written_at <= grace_s:
        return False
    await artifacts.clear(name)
    return True


async def mark_cached(job_id: str, ttl_s: float, board: Board) -> None:
    """Before a result is cached for `ttl_s`: its files are not to go with the record that made them."""
    await board.put(cached_mark(job_id), {}, ttl_s + MARKED_LONGER_S)


async def forget_artifacts(job: Job, board: Board, artifacts: ArtifactStore, even_cached: bool = True) -> None:
    """Remove a gone job's picture and artifacts unless another job needs it or was answered with them.

    Its owner's wish goes before a cached result that refers to them; the end of its time (`even_cached` False) not.
    """
    await let_go(job, board, artifacts)
    if job.draft is not None and job.draft.artifact is not None and DRAFT not in job.artifacts:  # it made no more
        await artifacts.delete(job.draft.artifact)
    if job.id in owners(job.artifacts.values()):  # its files may stay for others; its record does not
        await forget_manifests(job.id, artifacts)
    for origin in owners(job.artifacts.values()):
        if not even_cached and await board.get(cached_mark(origin)) is not None:
            await board.release(origin, job.id)
        elif await board.retire(origin, job.id):
            doomed = [artifact for artifact in job.artifacts.values() if maker_of(artifact) == origin]
            await remove_retired(origin, doomed, board, artifacts)
