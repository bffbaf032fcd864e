"""Single flight: jobs that want the same video at once come in, one makes it, and all the others get it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from app.cache.keys import plan_digest
from app.cache.store import RESULTS
from app.errors import KinorayError
from app.jobs import changes
from app.jobs.admission_limits import UNLIMITED, AdmissionLimits
from app.jobs.flights import Claim, Role, role_of
from app.jobs.reports.account import PROMOTED
from app.jobs.store import find
from app.service.artifact_refs import forget_artifacts, owners, readable
from app.service.endings import tell_end
from app.service.ports import Shared
from app.telemetry import CACHE_HITS, CACHE_MISSES, CACHE_SAVED, STEP_SECONDS_SAVED
from app.types import CacheUse, Job, Phase

FLIGHT = "flight"  # a level of the caches, as the figures name it, and the kind of such an answer
GRACE_S = 10.0  # a claim outlives its video by this: a request may have looked into the cache just before it came
BATCH = 200  # followers resolved together
AT_ONCE = 16  # of them, how many are written at a time
ROUNDS = 500  # a flight that is not resolved after so many is left to the next who tries
TRIES = 8  # a claim that has moved so often is not waited for


class Entered(NamedTuple):
    """The job on record, and what it is to its flight."""

    job: Job
    role: Role


async def enter(
    job: Job,
    joins: bool,
    stores: Shared,
    admit: Callable[[], Awaitable[float | None]],
    retention_s: float,
    limits: AdmissionLimits = UNLIMITED,
) -> Entered:
    """Record a job: in the line, or behind the job that is making the same video already.

    `joins`: it may be given another's video. `admit` raises Overloaded; it is asked for jobs that will need a device
    and make the line longer, and says what wait they are promised. A job that comes after others takes no part in a
    flight: nobody is to wait for a job that may not start. Raises what `app.jobs.admission_limits.refusal` makes.
    """
    joins, leads = joins and not job.after, job.wishes.cache.writes and not job.after
    digest = plan_digest(job.plan, job.tenant)
    admitted = False
    for _ in range(TRIES if joins or leads else 0):
        claim = await _claim(digest, stores)
        is_to_be = role_of(job, claim, joins, leads)
        if is_to_be is Role.ALONE:
            break
        if is_to_be is Role.LEAD and not admitted:
            job = replace(job, promised_s=await admit())
            admitted = True
        grows = is_to_be is Role.LEAD
        if await stores.flights.enter(
            job, digest, is_to_be, claim, limits if grows else replace(limits, most_waiting=None)
        ):
            if is_to_be is Role.FOLLOW and claim is not None and (claim.leader is None or claim.leader.phase.ended):
                job = await _resolved(job, digest, stores, retention_s)
            return Entered(job, is_to_be)
    if not admitted:
        job = replace(job, promised_s=await admit())
    await stores.jobs.create(job, limits)
    return Entered(job, Role.ALONE)


async def leader_of(job: Job, stores: Shared) -> Job | None:
    """The job under way whose video this queued one waits for; None when it waits for none."""
    if job.after:
        return None
    leader_id = await stores.flights.leader(plan_digest(job.plan, job.tenant))
    if leader_id is None or leader_id == job.id or await stores.jobs.position(job.id) is not None:
        return None
    leader = await find(stores.jobs, leader_id)
    return None if leader is None or leader.phase.ended else leader


async def resolve(digest: str, stores: Shared, retention_s: float, now: float) -> None:
    """Give a completed leader's video to all who follow it; where it has none, let the most urgent of them lead.

    May be called at any time, by several at once and again after a death in between. Raises StoreUnavailable.
    """
    flights = stores.flights
    for _ in range(ROUNDS):
        leader_id = await flights.leader(digest)
        leader = None if leader_id is None else await find(stores.jobs, leader_id)
        followers = await flights.followers(digest, BATCH)
        if not followers or (leader is not None and not leader.phase.ended):
            keep_s = (
                GRACE_S
                if leader is None or leader.wishes.cache_ttl_s is None
                else min(GRACE_S, leader.wishes.cache_ttl_s)
            )
            if await flights.park(digest, leader_id, followers, keep_s):
                return
            continue
        if leader is not None and await _share(leader, digest, followers, stores, retention_s, now):
            continue
        if await flights.promote(digest, leader_id, followers[0]):
            await stores.events.note(followers[0], {PROMOTED: {"at": now}})
            await stores.meter.add({f"{CACHE_MISSES}:{RESULTS}": 1})


async def _share(
    leader: Job, digest: str, followers: Sequence[str], stores: Shared, retention_s: float, now: float
) -> bool:
    """Complete the followers with what the leader has made; False when there is nothing to give."""
    if leader.phase is not Phase.COMPLETED:
        return False
    found = [job for job in await asyncio.gather(*(find(stores.jobs, each) for each in followers)) if job is not None]
    going = False
    for origin in owners(leader.artifacts.values()):  # before the look, so that a delete in between cannot win
        held = await asyncio.gather(*(stores.board.hold(origin, job.id) for job in found))
        going = going or not all(held)
    if going or not await readable(leader.artifacts, stores.artifacts):
        await asyncio.gather(*(_let_go(job, leader, stores) for job in found))
        return False
    seats = asyncio.Semaphore(AT_ONCE)

    async def give(job: Job) -> None:
        async with seats:
            await _give(leader, job, digest, stores, retention_s, now)

    gone = set(followers) - {job.id for job in found}
    await asyncio.gather(*map(give, found), *(_drop(digest, job_id, leader, stores, now) for job_id in gone))
    return True


async def _give(leader: Job, job: Job, digest: str, stores: Shared, retention_s: float, now: float) -> None:
    """The record, those who follow it, the figures: in that order, and by one of those who try."""
    saved = leader.plan.estimate.step_seconds
    change = changes.answer(
        leader.artifacts,
        CacheUse(kind=FLIGHT, hit=True, saved_step_seconds=saved),
        step=leader.plan.sampling.steps,
        started_at=max(job.created_at, leader.started_at or 0.0),
        now=now,
        expires_at=now + retention_s,
    )
    done = await stores.flights.answer(digest, job.id, change)
    if done is None:
        await _let_go(job, leader, stores)
        return
    figures = {f"{CACHE_HITS}:{FLIGHT}": 1, STEP_SECONDS_SAVED: saved, f"{CACHE_SAVED}:{FLIGHT}": saved}
    await tell_end(done, stores, now, figures, leader=leader.trace)


async def _drop(digest: str, job_id: str, leader: Job, stores: Shared, now: float) -> None:
    """A follower without a record leaves the flight: completing what is not there does just that."""
    await stores.flights.answer(digest, job_id, changes.answer({}, CacheUse(), 0, now, now, now))


async def _let_go(job: Job, leader: Job, stores: Shared) -> None:
    """A job needs the leader's artifacts no more, unless another who resolves has just given them to it."""
    found = await find(stores.jobs, job.id)
    if found is None or found.phase is not Phase.COMPLETED:
        given = replace(job, artifacts=leader.artifacts)
        await forget_artifacts(given, stores.board, stores.artifacts, even_cached=False)


async def _resolved(job: Job, digest: str, stores: Shared, retention_s: float) -> Job:
    """The job as it is once its flight is resolved; it is on record, so what goes wrong is left to the dispatcher."""
    with contextlib.suppress(KinorayError):
        await resolve(digest, stores, retention_s, job.created_at)
        return await stores.jobs.get(job.id)
    return job


async def _claim(digest: str, stores: Shared) -> Claim | None:
    leader_id = await stores.flights.leader(digest)
    return None if leader_id is None else Claim(leader_id, await find(stores.jobs, leader_id))
