"""A job and what is told of it, from the line to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.types.artifact import Artifact
from app.types.plan import Plan
from app.types.wishes import Webhook, Wishes
from app.types.words import PRIORITIES, Phase, Status


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, as clients see it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a job really took: seconds by stage (queue, encode, denoise, decode, finish, total) and device seconds."""

    stages_s: dict[str, float] = field(default_factory=dict)
    device_seconds: float = 0.0
    peak_memory_bytes: int | None = None
    evaluations: int = 0  # denoiser runs
    energy_wh: float | None = None  # the device seconds at the device's power; None where that is not known
    resumed_from_step: int | None = None  # the checkpoint that the last attempt went on from
    steps_skipped: int = 0  # at the start, because it began with a similar video or its own draft


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How the caches served a job."""

    kind: str = "none"  # none | result | flight (made for another job that was under way) | similar (begun with one)
    hit: bool = False
    saved_step_seconds: float = 0.0
    embedding_hit: bool | None = None  # None until the prompt has been encoded
    similarity: float | None = None  # of the prompt to that of the video it was to begin with
    steps_skipped: int = 0
    note: str | None = None  # why a planned similar start was none


@dataclass(frozen=True, slots=True)
class DraftUse:
    """What became of a job's draft: where it is, and how much of it the video was made from."""

    verdict: str = "pending"  # pending | kept | rejected | uncalibrated (shown, not gone on from) | failed
    artifact: Artifact | None = None  # None until it can be played
    sha256: str = ""  # of the artifact, hex
    at: float | None = None  # when it could be played first, Unix seconds
    residual: float | None = None  # how far off it was, as the plan's draft is judged; None: nobody looked
    step: int = 0  # the first step that was walked behind it; 0: from noise


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far the telling of its end is. `error` is a word such as timeout or http_500, never the receiver's text."""

    state: str = "waiting"  # waiting | delivered | failed (given up) | disabled (the receiver wants no more)
    attempts: int = 0
    error: str | None = None  # of the last attempt
    at: float | None = None  # of the last attempt, Unix seconds
    next_at: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A plan under way: the durable record. Every change after creation is checked against `fence`."""

    id: str
    tenant: str
    plan: Plan
    phase: Phase
    created_at: float  # Unix seconds, as all times here
    fence: int = 0
    attempts: int = 0
    step: int = 0
    eta_s: float | None = None
    started_at: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None
    failure: Failure | None = None
    artifacts: dict[str, Artifact] = field(default_factory=dict)  # by variant: video, thumbnail, spritesheet
    measured: Measured | None = None
    cache: CacheUse = CacheUse()
    wishes: Wishes = Wishes()
    deadline: float | None = None  # of no use after this: what the wish came to when the job was accepted
    delivery: Delivery | None = None  # of its webhook; None until the first attempt
    promised_s: float | None = None  # the wait before its first attempt, as predicted when it was accepted
    losses: int = 0  # attempts that ended because their replica was lost
    not_before: float | None = None  # after a loss, no attempt starts earlier
    trace: str | None = None  # W3C traceparent of the job's own span, or of who asked, where nothing is traced here
    trace_parent: str | None = None  # span id of the request's span, above the job's
    key_id: str | None = None  # of the key that asked for it; None: nobody needs one
    favourite: bool = False  # this and the next: what its tenant keeps it by
    tags: tuple[str, ...] = ()
    rating: int | None = None  # what its tenant said of it last, 1 to 5
    priority_now: str | None = None  # what it was changed to; None: as it was wished for
    draft: DraftUse | None = None  # None: no draft has been made

    @property
    def priority(self) -> str:
        """One of PRIORITIES."""
        return self.priority_now or self.wishes.priority

    @property
    def holds_promise(self) -> bool:
        """Whether it is to begin when it was promised to: not where it was made less urgent since."""
        ranks = PRIORITIES.index(self.priority), PRIORITIES.index(self.wishes.priority)
        return self.promised_s is not None and ranks[0] >= ranks[1]

    @property
    def after(self) -> tuple[str, ...]:
        """Ids of the jobs that have to be completed before this one enters the line."""
        return self.wishes.after

    @property
    def webhook(self) -> Webhook | None:
        """Who is told of its end."""
        return self.wishes.webhook

    @property
    def status(self) -> Status:
        return self.phase.status

    @property
    def progress(self) -> int:
        """Percent done; 100 only when completed."""
        if self.phase is Phase.COMPLETED:
            return 100
        return min(99, int(100 * self.step / max(1, self.plan.sampling.steps)))


@dataclass(frozen=True, slots=True)
class Lease:
    """A replica's time-limited right to run an attempt of a job."""

    job_id: str
    fence: int
    holder: str
    until: float


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about a job's progress. `id` orders a job's events and is what `Last-Event-ID` names."""

    id: str
    job_id: str
    kind: str  # phase | step | queue | preview | draft | refine | end
    at: float
    data: Mapping[str, object] = field(default_factory=dict)  # what JSON can hold


@dataclass(frozen=True, slots=True)
class Page:
    """A page of jobs, as lists are answered."""

    jobs: tuple[Job, ...]
    has_more: bool
