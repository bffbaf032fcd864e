"""All that one pass of the Dispatcher decides by, as it was read at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from app.line.dispatch import Pool, pools
from app.line.scaling import Scaling
from app.settings import Settings
from app.types import Job, Lease, ReplicaInfo


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


def capacity_of(
    replicas: Sequence[ReplicaInfo],
    held: Sequence[Lease],
    settings: Settings,
    scaling: Scaling,
    known: Collection[str] = (),
    now: float = 0.0,
) -> dict[str, Pool]:
    """What every pool can take, those `known` among them; one that scales says how long its first replica takes."""
    found = {name: Pool(0, 0, 0) for name in known}
    found |= pools(replicas, Counter(lease.holder for lease in held), settings.max_paused)
    for name in settings.replicas:
        pool = found.get(name, Pool(0, 0, 0))
        start_s = scaling.start_left_s(name, settings.replica_start_s, now)
        found[name] = pool if pool.replicas else replace(pool, start_s=start_s)
    return found
