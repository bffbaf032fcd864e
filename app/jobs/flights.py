"""The port to flights: many jobs that want the same video, of which one makes it; and the flights in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from app.errors import Overloaded
from app.jobs.admission_limits import UNLIMITED, AdmissionLimits
from app.jobs.changes import Change, stand_aside
from app.jobs.memory import MemoryJobs
from app.types import PRIORITIES, Job, Phase, Word

MOST_FOLLOWERS = 10_000  # of one flight: each is a record that costs no device time


class Role(Word):
    """What a new job is to a flight."""

    LEAD = "lead"  # nobody makes it: this one does, and others may follow
    FOLLOW = "follow"  # it waits for what the leader makes
    TAKE_OVER = "take_over"  # more urgent than a leader that still waits: that one follows from now on
    ALONE = "alone"  # it is made beside the flight


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has claimed a flight; `leader` is None when the record is gone."""

    leader_id: str
    leader: Job | None


class Flights(Protocol):
    """Flights by digest: one leader each, which is in the line or under way, and followers, which are neither.

    A flight keeps its leader's claim until it is resolved: until every follower has the leader's video, or one of them
    leads in its place. All methods raise StoreUnavailable; those with a `leader_id` do nothing and say False when
    another has the claim by now.
    """

    async def leader(self, digest: str) -> str | None:
        """The id of the job that has the claim, ended or not."""
        ...

    async def followers(self, digest: str, limit: int) -> Sequence[str]:
        """The most urgent of those who wait for it."""
        ...

    async def enter(
        self, job: Job, digest: str, role: Role, claim: Claim | None, limits: AdmissionLimits = UNLIMITED
    ) -> bool:
        """Create a queued job and give it its place in the flight, in one step; False when the claim has moved.

        A follower costs its tenant nothing. Raises Conflict (another has the id), Overloaded (MOST_FOLLOWERS) and what
        `app.jobs.admission_limits.refusal` makes.
        """
        ...

    async def answer(self, digest: str, job_id: str, change: Change) -> Job | None:
        """Complete a follower; None when it is none any more. Of several who try, one gets the job."""
        ...

    async def promote(self, digest: str, leader_id: str | None, job_id: str) -> bool:
        """A follower leads from now on, in the line at its place."""
        ...

    async def reseat(self, job: Job) -> str | None:
        """A job's priority has changed: among those who wait it stands by that from now on.

        A leader that still waits makes way for one who waits for it and is of a more urgent class, and follows it;
        the id of whoever leads then, None where nobody else does. A leader that runs is left alone.
        """
        ...

    async def park(self, digest: str, leader_id: str | None, followers: Sequence[str], keep_s: float) -> bool:
        """Nothing more is to be done for now: drop those of the followers that have ended; True when that is so.

        It is when the leader lives or nobody follows. A completed leader's claim lasts `keep_s` longer, for those who
        looked into the cache before the video was there.
        """
        ...

    async def unresolved(self, now: float, limit: int) -> Sequence[str]:
        """Digests of which a job has ended some time ago or without a video."""
        ...

    async def followed(self) -> Sequence[str]:
        """Digests that have followers."""
        ...

    async def late(self, now: float, limit: int) -> Sequence[str]:
        """Followers, or jobs that were, whose deadline has passed."""
        ...

    async def excuse(self, job_id: str) -> None:
        """A late one has been dealt with."""
        ...


def role_of(job: Job, claim: Claim | None, joins: bool, leads: bool) -> Role:
    """What a job is to the flight of its digest, by whether it may be given another's video, and its own to others.

    Nobody waits for a leader that is less urgent. Where neither is as urgent as the other in both class and deadline,
    or the leader is under way, whose urgency cannot be changed, the job is made by itself.
    """
    if claim is None:
        return Role.LEAD if leads else Role.ALONE
    if not joins:
        return Role.ALONE
    leader = claim.leader
    if leader is None or leader.phase.ended or _as_urgent(leader, job):
        return Role.FOLLOW
    takes_over = leads and leader.phase is Phase.QUEUED and _as_urgent(job, leader)
    return Role.TAKE_OVER if takes_over else Role.ALONE


def rank(job: Job) -> float:
    """The order in which followers lead when their leader is gone, the least first: class, deadline, arrival."""
    due = 5e10 + job.created_at if job.deadline is None else job.deadline
    return (len(PRIORITIES) - PRIORITIES.index(job.priority)) * 1e11 + due


def makes_way(leader: Job | None, follower: Job | None) -> bool:
    """Whether a leader stands aside for one who follows: it still waits, and is of a less urgent class."""
    if leader is None or follower is None or {leader.phase, follower.phase} != {Phase.QUEUED}:
        return False
    return PRIORITIES.index(leader.priority) < PRIORITIES.index(follower.priority)


def _as_urgent(one: Job, other: Job) -> bool:
    first, second = (PRIORITIES.index(job.priority) for job in (one, other))
    due, other_due = (inf if job.deadline is None else job.deadline for job in (one, other))
    return first >= second and due <= other_due


class MemoryFlights:
    """The Flights port beside jobs in this process: tests and tools."""

    def __init__(self, jobs: MemoryJobs, clock: Callable[[], float] = time.monotonic) -> None:
        self._jobs = jobs
        self._clock = clock
        self._until: dict[str, float] = {}  # how long a resolved claim lasts, by digest
        self._leaders: dict[str, str] = {}
        self._followers: dict[str, dict[str, float]] = {}  # rank by id, by digest

    async def leader(self, digest: str) -> str | None:
        if self._until.get(digest, inf) <= self._clock():
            self._until.pop(digest)
            self._leaders.pop(digest, None)
        return self._leaders.get(digest)

    async def followers(self, digest: str, limit: int) -> Sequence[str]:
        ranks = self._followers.get(digest, {})
        return sorted(ranks, key=lambda job_id: (ranks[job_id], job_id))[:limit]

    async def enter(
        self, job: Job, digest: str, role: Role, claim: Claim | None, limits: AdmissionLimits = UNLIMITED
    ) -> bool:
        if job.id in self._jobs.flights:
            await self._jobs.create(job)  # the same call again; or a Conflict
            return True
        if await self.leader(digest) != (claim.leader_id if claim else None):
            return False
        if role is Role.FOLLOW and len(self._followers.get(digest, {})) >= MOST_FOLLOWERS:
            raise too_many()
        former = self._jobs.find(claim.leader_id if claim else None)
        if role is Role.TAKE_OVER and (former is None or former.phase is not Phase.QUEUED):
            return False
        self._jobs.put(job, limits, pays(role), owes=role is not Role.TAKE_OVER)
        if former is not None and role is Role.TAKE_OVER:
            self._set_aside(self._jobs.apply(former, stand_aside()), digest)
        self._jobs.flights[job.id] = digest
        self._until.pop(digest, None)
        if role is not Role.FOLLOW:
            self._leaders[digest] = job.id
            return True
        self._set_aside(job, digest)
        leader = self._jobs.find(self._leaders.get(digest))
        if leader is None or leader.phase.ended:
            self._jobs.unresolved[digest] = 0.0
        return True

    async def answer(self, digest: str, job_id: str, change: Change) -> Job | None:
        if self._followers.get(digest, {}).pop(job_id, None) is None:
            return None
        self._jobs.flights.pop(job_id, None)
        self._jobs.due.pop(job_id, None)
        self._jobs.aside.discard(job_id)
        job = self._jobs.find(job_id)
        return None if job is None or job.phase.ended else self._jobs.apply(job, change)

    async def promote(self, digest: str, leader_id: str | None, job_id: str) -> bool:
        followers = self._followers.get(digest, {})
        if await self.leader(digest) != leader_id or followers.pop(job_id, None) is None:
            return False
        self._jobs.due.pop(job_id, None)
        self._jobs.aside.discard(job_id)
        job = self._jobs.find(job_id)
        if job is None or job.phase is not Phase.QUEUED:
            return False
        self._until.pop(digest, None)
        self._jobs.accounts.pay(job)
        self._leaders[digest] = job_id
        self._jobs.unresolved.pop(digest, None)
        self._jobs.wake()
        return True

    async def reseat(self, job: Job) -> str | None:
        digest = self._jobs.flights.get(job.id, "")
        followers = self._followers.get(digest, {})
        if job.id in followers:
            followers[job.id] = rank(job)
        leader = self._jobs.find(await self.leader(digest))
        first = self._jobs.find(next(iter(await self.followers(digest, 1)), None))
        if leader is None or first is None or not makes_way(leader, first):
            return None
        del followers[first.id]
        self._jobs.due.pop(first.id, None)
        self._jobs.aside.discard(first.id)
        self._set_aside(self._jobs.apply(leader, stand_aside()), digest)
        self._leaders[digest] = first.id
        self._jobs.wake()
        return first.id

    async def park(self, digest: str, leader_id: str | None, followers: Sequence[str], keep_s: float) -> bool:
        if await self.leader(digest) != leader_id:
            return False
        left = self._followers.get(digest, {})
        for job_id in followers:
            job = self._jobs.find(job_id)
            if job is None or job.phase.ended:
                left.pop(job_id, None)
        leader = self._jobs.find(leader_id)
        ended = leader is None or leader.phase.ended
        if ended and left:
            return False
        self._jobs.unresolved.pop(digest, None)
        if not left:
            self._followers.pop(digest, None)
        if ended and leader_id is not None:
            completed = leader is not None and leader.phase is Phase.COMPLETED
            self._until[digest] = self._clock() + (keep_s if completed else 0.0)
        return True

    async def unresolved(self, now: float, limit: int) -> Sequence[str]:
        return [digest for digest, at in self._jobs.unresolved.items() if at <= now][:limit]

    async def followed(self) -> Sequence[str]:
        return [digest for digest, followers in self._followers.items() if followers]

    async def late(self, now: float, limit: int) -> Sequence[str]:
        return [job_id for job_id, due in self._jobs.due.items() if due <= now][:limit]

    async def excuse(self, job_id: str) -> None:
        self._jobs.due.pop(job_id, None)

    def _set_aside(self, job: Job, digest: str) -> None:
        self._jobs.aside.add(job.id)
        self._followers.setdefault(digest, {})[job.id] = rank(job)
        if job.deadline is not None:
            self._jobs.due[job.id] = job.deadline


def pays(role: Role) -> bool:
    """Whether a job costs its tenant something now: one generation is paid once, by who asked for it first.

    One that follows pays when it becomes the one that is made; one that took over never: who stood aside has paid.
    """
    return role in (Role.LEAD, Role.ALONE)


def too_many() -> Overloaded:
    """What a job is told that finds a flight full."""
    return Overloaded("Too many jobs wait for this video already.", retry_after_s=10.0)
