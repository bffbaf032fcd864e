"""What each verb does to a job, as data: stores differ only in how they apply it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from app.jobs.quotas import GivesBack, gives_back
from app.jobs.states import RUNNING, sources
from app.types import Artifact, CacheUse, Delivery, DraftUse, Failure, Job, Measured, Phase

RESOLVE_GRACE_S = 2.0  # how long whoever completed a job is left alone with those that followed it


@dataclass(frozen=True, slots=True)
class Change:
    """One write to a job: legal only from `sources`; `phase` None leaves the phase as it is.

    The place of the job follows from its new phase: queued jobs stand in the line, running ones hold a lease,
    ended ones wait for their expiry.
    """

    sources: frozenset[Phase]
    phase: Phase | None
    values: dict[str, Any] = field(default_factory=dict)  # fields of Job
    step: int = 0  # the job's step becomes this if it is further
    new_fence: bool = False  # whoever ran the job may write no more
    new_attempt: bool = False
    new_loss: bool = False  # the attempt ended because its replica was lost
    holder: str | None = None
    until: float | None = None  # end of the lease, Unix seconds
    wakes: bool = False  # the dispatcher has something to decide
    gives_back: GivesBack = "never"  # what the job was charged
    stored_bytes: int = 0  # what its tenant and key are charged for besides

    @property
    def resolve_at(self) -> float:
        """When a flight may be resolved by anyone, Unix seconds; a finisher that lives has done it by then."""
        return self.values["completed_at"] + RESOLVE_GRACE_S if self.phase is Phase.COMPLETED else 0.0


def lease(holder: str, until: float, now: float) -> Change:
    """A queued job starts an attempt."""
    return Change(
        sources=frozenset({Phase.QUEUED}),
        phase=Phase.ENCODING,
        values={"started_at": now, "eta_s": None},
        new_fence=True,
        new_attempt=True,
        holder=holder,
        until=until,
    )


def advance(phase: Phase, step: int, eta_s: float | None) -> Change:
    """A running attempt reports where it is; the step never goes back within an attempt."""
    return Change(_running(phase), phase, {"eta_s": eta_s}, step=step)


@cache
def _running(phase: Phase) -> frozenset[Phase]:
    return sources(phase) - {Phase.QUEUED}


def note_cache(cache: CacheUse) -> Change:
    """How the caches served a running attempt."""
    return Change(frozenset(RUNNING), None, {"cache": cache})


def note_draft(draft: DraftUse) -> Change:
    """What became of a running attempt's draft."""
    return Change(frozenset(RUNNING), None, {"draft": draft})


def note_delivery(delivery: Delivery) -> Change:
    """How far the telling of its end is."""
    return Change(frozenset({Phase.COMPLETED, Phase.FAILED}), None, {"delivery": delivery})


def complete(artifacts: dict[str, Artifact], measured: Measured, now: float, expires_at: float) -> Change:
    """An attempt has made its video."""
    values = {"artifacts": artifacts, "measured": measured} | _closing(now, expires_at)
    stored = sum(artifact.size_bytes for artifact in artifacts.values())
    return Change(sources(Phase.COMPLETED), Phase.COMPLETED, values, wakes=True, stored_bytes=stored)


def answer(
    artifacts: dict[str, Artifact], cache: CacheUse, step: int, started_at: float, now: float, expires_at: float
) -> Change:
    """A job that followed another is given what that one has made: the only way to completed without an attempt."""
    values = {"artifacts": artifacts, "cache": cache, "started_at": started_at} | _closing(now, expires_at)
    return Change(frozenset({Phase.QUEUED}), Phase.COMPLETED, values, step=step)


def recover(job: Job) -> Change:
    """A job whose record had forgotten its end is completed as it was: under the fence, and by the clock, of then."""
    names = (
        "artifacts",
        "measured",
        "cache",
        "fence",
        "attempts",
        "losses",
        "started_at",
        "completed_at",
        "expires_at",
    )
    values = {name: getattr(job, name) for name in names} | {"eta_s": None, "not_before": None}
    return Change(frozenset({Phase.QUEUED, *RUNNING}), Phase.COMPLETED, values, step=job.step, wakes=True)


def fail(failure: Failure, now: float, expires_at: float) -> Change:
    """The job ends without a video."""
    values = {"failure": failure} | _closing(now, expires_at)
    return Change(sources(Phase.FAILED), Phase.FAILED, values, wakes=True, gives_back=gives_back(failure))


def cancel(failure: Failure, now: float, expires_at: float) -> Change:
    """As `fail`, from outside: a running attempt loses its lease."""
    values = {"failure": failure} | _closing(now, expires_at)
    back = gives_back(failure)
    return Change(sources(Phase.FAILED), Phase.FAILED, values, new_fence=True, wakes=True, gives_back=back)


def requeue(lost: bool = False, not_before: float | None = None) -> Change:
    """The attempt has ended without a result; the job goes back to its place and starts over, not before that time.

    `lost`: with its replica, which counts against the job; one that was handed back is as good as before.
    """
    values = {"step": 0, "eta_s": None, "started_at": None, "not_before": not_before}
    return Change(sources(Phase.QUEUED), Phase.QUEUED, values, new_fence=True, new_loss=lost, wakes=True)


def reprioritise(priority: str, running: bool) -> Change:
    """Another class of priority: whoever saw a waiting job may write no more, a running one keeps its lease."""
    sources = frozenset(RUNNING) if running else frozenset({Phase.QUEUED})
    return Change(sources, None, {"priority_now": priority}, new_fence=not running, wakes=True)


def stand_aside() -> Change:
    """A waiting job leaves the line to a more urgent one for the same video; whoever saw it there may write no more."""
    return Change(frozenset({Phase.QUEUED}), Phase.QUEUED, new_fence=True)


def _closing(now: float, expires_at: float) -> dict[str, Any]:
    return {"completed_at": now, "expires_at": expires_at, "eta_s": None}
