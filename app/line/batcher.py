"""Who joins, who leaves and who shares the next forward: decided at a step boundary, without clock or I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]  # jobs of one shape can share a forward


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of one replica: jobs that share a forward, and jobs held at a time."""

    max_batch: int
    slots: int

    def __post_init__(self) -> None:
        if self.max_batch < 1 or self.slots < 1:
            raise ValueError("max_batch and slots are at least 1")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job without a slot."""

    job_id: str
    shape: Shape
    arrived: float
    leaving: bool = False  # stopped while it waited


@dataclass(frozen=True, slots=True)
class Running:
    """A job with a slot."""

    job_id: str
    shape: Shape
    arrived: float
    stepped: int = 0  # number of the boundary at which it last was in a batch, or of the one before it joined
    forecast: bool = False  # its next step needs no forward, so no place in the batch
    leaving: bool = False  # done or stopped


@dataclass(frozen=True, slots=True)
class Boundary:
    """What changes at a step boundary, as job ids; those who join may be in the batch at once."""

    join: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()


def decide(running: Sequence[Running], waiting: Sequence[Waiting], rules: Rules) -> Boundary:
    """The next boundary.

    Waiting jobs join first come first served. The batch is of one shape: that of the job least recently stepped, so
    shapes, and jobs beyond `max_batch`, take turns, and no job waits for more than `slots` boundaries. Those who join
    come last: a stream of short jobs cannot hold up a long one.
    """
    staying = [job for job in running if not job.leaving]
    line = sorted((job for job in waiting if not job.leaving), key=lambda job: (job.arrived, job.job_id))
    joining = line[: max(0, rules.slots - len(staying))]
    turn = sorted((job for job in staying if not job.forecast), key=lambda job: (job.stepped, job.arrived, job.job_id))
    ready: list[Running | Waiting] = [*turn, *joining]
    batch = [job.job_id for job in ready if job.shape == ready[0].shape][: rules.max_batch]
    everyone: list[Running | Waiting] = [*running, *waiting]
    return Boundary(
        join=tuple(job.job_id for job in joining),
        leave=tuple(job.job_id for job in everyone if job.leaving),
        batch=tuple(batch),
    )
