"""What a report of a job consists of; times are Unix seconds, `duration_s` None is of what is still under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.jobs.reports.account import Account, Run
from app.types import CacheUse, Job, Word


class Stage(Word):
    """The stages of a job, in their order."""

    RECEIVED = "received"
    ANALYSED = "analysed"
    PICTURE = "picture"  # that it begins with was fetched and looked at
    CACHE = "cache_lookup"
    FILES = "cached_files"  # of a repeat were looked for
    SIMILAR = "similar_lookup"
    ADMITTED = "admitted"  # and recorded
    LINE = "line"
    LEASED = "leased"  # checkpoint, embedding, picture read
    ENCODE = "encode"  # of the prompt
    STEPS = "steps"
    DECODE = "decode"
    HANDED_ON = "handed_on"  # frames went to a finisher
    FILE = "file"  # frames became mp4, thumbnail, spritesheet
    STORED = "stored"
    CLOSED = "closed"
    WEBHOOK = "webhook"


class Cause(Word):
    """What a job waits for."""

    LINE = "line"  # a slot of its pool
    BACKOFF = "backoff"  # out of the way after a lost replica
    DEPENDENCY = "dependency"  # the jobs that it comes after
    FLIGHT = "flight"  # the job that makes its video
    SLOT = "slot"  # the next boundary, or a slot, of the replica that has leased it
    MEMORY = "memory"  # headroom
    PREEMPTED = "preempted"
    TURNS = "turns"  # other shapes' forwards on the same device
    LEASE_LOST = "lease_lost"  # until somebody noticed that its replica was gone


class Outcome(Word):
    """How an attempt ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed_back"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report is made of.

    `others` are jobs of the same tenant, by id; `leader` makes the video now; `awaits` have to be completed before.
    """

    job: Job
    account: Account
    others: Mapping[str, Job]
    leader: str | None = None
    awaits: tuple[str, ...] = ()

    @property
    def maker(self) -> str | None:
        """The job of the same tenant that made the video that this one was given."""
        makers = sorted(artifact.key.split("/", 1)[0] for artifact in self.job.artifacts.values())
        return next((each for each in makers if each in self.others and each != self.job.id), None)


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage; memory is that of the process, and of its GPU, when it began."""

    name: Stage
    started_at: float
    duration_s: float | None
    attempt: int | None = None
    host_memory_bytes: int | None = None
    device_memory_bytes: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WaitRow:
    """A wait. `by` are jobs of the same tenant; those of others are not named. `why` is a sentence.

    `step`: the last that was done when it began; None: none yet, or it was in no replica.
    """

    cause: Cause
    started_at: float
    duration_s: float | None
    why: str
    attempt: int | None = None
    by: tuple[str, ...] = ()
    step: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try on one replica. `replica` None: nobody heard from it."""

    number: int
    fence: int
    replica: str | None
    leased_at: float | None
    ended_at: float | None
    outcome: Outcome
    why: str | None = None
    resumed_from_step: int | None = None
    batches: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Where most of the time went: a stage, a wait's cause, or `lost_work`; `sentence` says it for people."""

    name: str
    duration_s: float
    share: float
    sentence: str


@dataclass(frozen=True, slots=True)
class CacheRow:
    """How the caches served it; `made_by` is the job of the same tenant whose video it was given."""

    use: CacheUse
    made_by: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a job so far. `total_s` is from its request to its end, or to now."""

    job: Job
    received_at: float
    at: float
    total_s: float
    bottleneck: Bottleneck
    cache: CacheRow
    stages: tuple[StageRow, ...]
    waits: tuple[WaitRow, ...]
    attempts: tuple[AttemptRow, ...]
    trace_id: str | None = None
