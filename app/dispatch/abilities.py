"""Which waiting jobs not all replicas of their pool can take, as during a rolling update; pure.

Which replica of a pool an attempt goes to is decided behind the Workers port. So a job is given out when each replica
that could get it can take it, and waits until then: for as long as older ones are still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    """Remembers what each waiting job asks, so that a pass looks at a job once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Job, Needs]] = {}

    def beyond(self, waiting: Iterable[Job], replicas: Sequence[ReplicaInfo]) -> dict[str, frozenset[str]]:
        """By pool, the ids of the jobs that some of its replicas cannot take; a pool without any is not in it."""
        before, self._known = self._known, {}
        by_pool: dict[str, list[ReplicaInfo]] = {}
        for replica in replicas:
            by_pool.setdefault(replica.pool, []).append(replica)
        found: dict[str, list[str]] = {}
        met: dict[tuple[str, Needs], bool] = {}
        for job in waiting:
            known = before.get(job.id)
            if known is None or known[0] is not job:
                known = job, needs_of(job)
            self._known[job.id] = known
            pool = job.plan.pool
            key = pool, known[1]
            if key not in met:
                met[key] = _all_meet(known[1], by_pool.get(pool, ()))
            if not met[key]:
                found.setdefault(pool, []).append(job.id)
        return {pool: frozenset(ids) for pool, ids in found.items()}


def _all_meet(needs: Needs, replicas: Iterable[ReplicaInfo]) -> bool:
    return all(needs.met_by(replica) for replica in replicas)
