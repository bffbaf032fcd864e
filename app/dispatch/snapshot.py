"""All that one pass of the Dispatcher decides by, as it was read at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from app.line.dispatch import Pool, pools
from app.line.scaling import Scaling
from app.settings import Settings
from app.types import Job, Lease, ReplicaInfo

PATIENCE, LEAST_PATIENCE_S = 3.0, 60.0  # times what a start takes; after that nobody knows when it will be over


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The line, the jobs under way and the replicas."""

    now: float  # Unix seconds, by the clock of the stores
    entered: Mapping[str, float]  # the counters of admitted work, read before the line: who comes in between is in both
    waiting: Sequence[Job]
    running: Sequence[Job]
    replicas: Sequence[ReplicaInfo]  # that can be given work
    capacity: Mapping[str, Pool]
    announced: Sequence[ReplicaInfo] = ()  # all that show signs of life, those that leave among them
    elsewhere: Sequence[Job] = ()  # under way in other dispatchers' pools: all that counts of them is whose they are


def capacity_of(
    replicas: Sequence[ReplicaInfo],
    held: Sequence[Lease],
    settings: Settings,
    scaling: Scaling,
    known: Collection[str] = (),
    now: float = 0.0,
    unplaced: Collection[str] = (),
    own: Callable[[str], bool] = lambda _: True,
) -> dict[str, Pool]:
    """What every pool can take, those `known` among them; one that scales says how long its first replica takes.

    `own` tells of which pools, where dispatchers share them. Nobody knows when a replica comes of a pool that is
    `unplaced`, nor of one whose replica was asked for long ago and is not there.
    """
    found = {name: Pool(0, 0, 0) for name in known}
    found |= pools(replicas, Counter(lease.holder for lease in held), settings.max_paused)
    for name in filter(own, settings.replicas):
        pool = found.get(name, Pool(0, 0, 0))
        start_s = scaling.start_left_s(name, settings.replica_start_s, now)
        takes_s = scaling.starts.took_s.get(name, settings.replica_start_s)
        overdue = scaling.asked_for_s(name, now) > max(LEAST_PATIENCE_S, PATIENCE * takes_s)
        unknown = name in unplaced or overdue
        found[name] = pool if pool.replicas else replace(pool, start_s=0.0 if unknown else start_s)
    return found
