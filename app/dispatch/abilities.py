"""Which waiting jobs not all replicas of their pool can take, as during a rolling update; pure.

Which replica of a pool an attempt goes to is decided behind the Workers port. So a job is given out when each replica
that could get it can take it, and waits until then: for as long as older ones are still there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.jobs.record import version_of
from app.plan.abilities import USUAL, asked_of_replica
from app.types import Job, ReplicaInfo


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job asks of a replica: to read a record of this form, and to have what has these names."""

    version: int
    names: frozenset[str]

    def met_by(self, replica: ReplicaInfo) -> bool:
        """Whether it says that it can take such a job."""
        takes = USUAL if replica.takes is None else replica.takes
        return self.version <= replica.reads and self.names.issubset(takes)


def needs_of(job: Job) -> Needs:
    """What it asks, from its plan."""
    return Needs(version_of(job), asked_of_replica(job.plan))


class Abilities:
    """Remembers what each waiting job asks, so that a pass works only at those that are new to it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Job, Needs]] = {}
        self._kinds: set[tuple[str, Needs]] = set()  # with those of jobs that have gone until `_forget`

    def beyond(self, waiting: Sequence[Job], replicas: Sequence[ReplicaInfo]) -> dict[str, frozenset[str]]:
        """By pool, the ids of the jobs that some of its replicas cannot take; a pool without any is not in it."""
        known = self._known
        if len(known) > 2 * len(waiting) + 100:
            self._forget(waiting)
        for job in [job for job in waiting if known.get(job.id, _NOBODY)[0] is not job]:
            needs = needs_of(job)
            known[job.id] = job, needs
            self._kinds.add((job.plan.pool, needs))
        unmet = self._unmet(replicas)
        if not unmet:
            return {}
        pools = {pool for pool, _ in unmet}
        found: dict[str, set[str]] = {}
        for job in waiting:
            pool = job.plan.pool
            if pool in pools and (pool, known[job.id][1]) in unmet:
                found.setdefault(pool, set()).add(job.id)
        return {pool: frozenset(ids) for pool, ids in found.items()}

    def _unmet(self, replicas: Sequence[ReplicaInfo]) -> set[tuple[str, Needs]]:
        ones = {(one.pool, one.reads, one.takes): one for one in replicas}.values()  # of those that say the same, one
        return {
            (pool, needs)
            for pool, needs in self._kinds
            if not all(needs.met_by(one) for one in ones if one.pool == pool)
        }

    def _forget(self, waiting: Sequence[Job]) -> None:
        """What those asked that wait no more."""
        there = {job.id for job in waiting}
        for job_id in self._known.keys() - there:
            del self._known[job_id]
        self._kinds = {(job.plan.pool, needs) for job, needs in self._known.values()}


_NOBODY: Final = (None, None)
