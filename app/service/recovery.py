"""After a restore: a backup's jobs and what the artifact store holds come in; each goes on, is found, or is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.artifacts.store import ArtifactStore
from app.cache.keys import plan_digest
from app.errors import JobNotFound
from app.jobs import changes
from app.jobs.board import Board
from app.jobs.record import is_id
from app.jobs.store import find
from app.service.artifact_refs import readable
from app.service.endings import tell_end
from app.service.manifests import newest_manifest
from app.service.ports import Shared
from app.types import Job, Phase

AT_ONCE = 16  # jobs looked at together

PICTURE_GONE = "it begins with a picture or a video that is no longer stored, and will fail"
FILES_GONE = "it was completed before the backup, and its video is no longer stored"
NO_MANIFEST = "it was completed after the backup; files of it are stored, but none that says what they are"
UNKNOWN = "it was accepted after the backup, and is not among the stored videos"


class Recovering(Shared, Protocol):
    """The stores that a recovery reads and writes."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of jobs. `waiting`: those of the backup that go on; `found`: completed since, and on record again."""

    waiting: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)  # ids to why


async def recover(kept: Collection[str], held: Collection[str], stores: Recovering, now: float) -> Recovery:
    """Look at each job of a backup, `kept`, and at all that the artifact store holds.

    `held`: jobs that were on record before the backup took their place; those that are nowhere else are lost. It may be
    called again after a death in between. `now` is Unix seconds. Raises StoreUnavailable.
    """
    seats = asyncio.Semaphore(AT_ONCE)
    stored = {name for name in await stores.artifacts.makers() if _is_job(name)}

    async def at_a_seat(look: Awaitable[_Seen]) -> _Seen:
        async with seats:
            return await look

    looks = [_known(job_id, job_id in stored, stores, now) for job_id in sorted(kept)]
    looks += [_unknown(job_id, stores, now) for job_id in sorted(stored - set(kept))]
    seen: Sequence[_Seen] = await asyncio.gather(*map(at_a_seat, looks))
    lost = {each.job_id: each.lost for each in seen if each.lost}
    nowhere = set(held) - {each.job_id for each in seen}
    return Recovery(
        waiting=tuple(each.job_id for each in seen if each.waits),
        found=tuple(each.job_id for each in seen if each.found),
        lost=lost | dict.fromkeys(sorted(nowhere), UNKNOWN),
    )


async def without_store(kept: Collection[str], held: Collection[str], stores: Recovering, now: float) -> Recovery:
    """The same where nobody looks into the artifact store: jobs go on, and nothing is found."""
    jobs = [job for job in [await find(stores.jobs, job_id) for job_id in sorted(kept)] if job is not None]
    waiting = [job for job in jobs if not job.phase.ended]
    for job in waiting:
        await _back_in_line(job, stores, now)
    nowhere = sorted(set(held) - {job.id for job in jobs})
    return Recovery(tuple(job.id for job in waiting), (), dict.fromkeys(nowhere, UNKNOWN))


def lost_mark(job_id: str) -> str:
    """The name of the note that says why a job is lost."""
    return f"lost:{job_id}"


async def lost_or(error: JobNotFound, job_id: str, board: Board) -> JobNotFound:
    """What to say of a job that is not on record: that a restore has lost it, else `error`. Raises StoreUnavailable."""
    note = await board.get(lost_mark(job_id)) if is_id(job_id) else None
    if note is None:
        return error
    return JobNotFound(
        f"{job_id} was lost when a backup was restored: {note.get('why')}. Ask again.", code="video_lost"
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """One job, and what became of it."""

    job_id: str
    waits: bool = False
    found: bool = False
    lost: str = ""


async def _known(job_id: str, stored: bool, stores: Recovering, now: float) -> _Seen:
    """A job of the backup: ended ones stay, others are completed with what is stored, or go on."""
    job = await find(stores.jobs, job_id)
    if job is None:  # its time was over
        return _Seen(job_id)
    if job.phase.ended:
        gone = job.phase is Phase.COMPLETED and not await readable(job.artifacts, stores.artifacts)
        return _Seen(job_id, lost=FILES_GONE if gone else "")
    manifest = await newest_manifest(job_id, stores.artifacts) if stored else None
    if manifest is not None:
        await _complete(manifest.job, job, stores)
        return _Seen(job_id, found=True)
    await _back_in_line(job, stores, now)
    needs_what_is_gone = not await _has_its_inputs(job, stores.artifacts)
    return _Seen(job_id, waits=True, lost=PICTURE_GONE if needs_what_is_gone else "")


async def _unknown(job_id: str, stores: Recovering, now: float) -> _Seen:
    """A job that the backup does not know, but the store does."""
    manifest = await newest_manifest(job_id, stores.artifacts)
    if manifest is None:
        return _Seen(job_id, lost=NO_MANIFEST)
    if (manifest.job.expires_at or now) <= now:  # it would be gone by now, but for those who were given its files
        return _Seen(job_id)
    await _complete(manifest.job, None, stores)
    return _Seen(job_id, found=True)


async def _complete(made: Job, kept: Job | None, stores: Recovering) -> None:
    """The holds, the record, then those who follow it, as when it was made; followers and dependants hear as ever."""
    await stores.board.hold(made.id, made.id)
    for given in () if kept is not None else made.plan.inputs:
        await stores.board.hold(given.key, made.id)
    answered = None
    if kept is not None:  # one that waited for another's video leaves that flight
        answered = await stores.flights.answer(plan_digest(kept.plan, kept.tenant), kept.id, changes.recover(made))
    if answered is not None or await stores.jobs.recover(made):
        done = await stores.jobs.get(made.id)
        await tell_end(done, stores, made.completed_at or made.created_at)


async def _back_in_line(job: Job, stores: Recovering, now: float) -> None:
    """An attempt of before the restore is over, and nobody's fault; a waiting job stays where it waits."""
    if job.phase is not Phase.QUEUED:
        await stores.jobs.requeue(job.id, job.fence, now)
        await stores.events.append(job.id, "phase", now, {"phase": "queued", "attempts": job.attempts})


async def _has_its_inputs(job: Job, artifacts: ArtifactStore) -> bool:
    plan = job.plan
    needed = [*plan.inputs, None if plan.extends is None else plan.extends.video]
    return all([await artifacts.exists(each) for each in needed if each is not None])


def _is_job(name: str) -> bool:
    return is_id(name) and name.startswith("video_")
