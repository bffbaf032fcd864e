"""The frozen records that every room speaks in: the bottom brick, imported by all, importing nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Word(str, Enum):
    """An enumeration whose members print as their value (StrEnum is not in Python 3.10)."""

    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """The shape of a video: pixels, frames, frames per second."""

    width: int
    height: int
    frames: int
    fps: int

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def seconds(self) -> float:
        """Playing time in seconds."""
        return self.frames / self.fps


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the noise is walked down: `steps` long, `budget` of them run the denoiser."""

    steps: int
    budget: int
    guidance: float
    seed: int
    sampler: str = "euler"
    shift: float = 3.0  # flow shift of the sigma schedule
    deterministic: bool = False  # the same bits in whatever company
    step_cache: str = ""  # one of STEP_CACHES; none if empty
    guidance_2: float | None = None  # of a second expert, for the low noise; None: the same

    @property
    def alone(self) -> bool:
        """Whether the job shares no forward."""
        return self.deterministic or bool(self.step_cache)


STEP_CACHES = ("first_block", "mag", "taylorseer")
"""diffusers' caches that save steps' work by what they see on the way, for jobs that step alone."""


@dataclass(frozen=True, slots=True)
class Factor:
    """What one factor of the prompt adds to the complexity score, and the words that did it."""

    name: str
    score: int
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """Why a plan is what it is: the score, factor by factor, and sentences for people."""

    score: int
    complexity: str
    factors: tuple[Factor, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """Predicted work of a plan: `step_seconds` is denoiser time alone, `seconds` the whole job on an idle replica."""

    step_seconds: float
    seconds: float
    cost: float | None = None  # money, in the unit of Settings.price_per_device_hour; None without a price
    device_seconds: float = 0.0  # the device's time: steps, encoding and decoding
    energy_wh: float | None = None  # of the device; None where its power is not known


@dataclass(frozen=True, slots=True)
class Start:
    """Where a job begins that need not begin at noise: with a similar video's final latent, noised again."""

    entry: str  # key of the kept latent, one of the same tenant's
    step: int  # the first step that is walked
    similarity: float  # of the two prompts, 1.0 at most
    spared: float = 0.0  # guided evaluations
    step_seconds: float = 0.0  # what they would have taken


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored result. `key` is the place in the artifact store; never a path of a machine."""

    key: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The immutable decision for one video."""

    model: str
    revision: str
    prompt: str
    negative_prompt: str
    spec: VideoSpec
    sampling: Sampling
    tier: str
    asked_tier: str
    pool: str
    estimate: Estimate
    why: Analysis
    written: str | None = None  # the prompt as it was sent, where a style or enhancement changed it
    style: str | None = None  # id of the style that was applied
    enhanced: bool = False
    calibrated: bool = False  # the budget comes from a measured table
    by_planner: bool = False  # steps and budget are the planner's choice, not the request's
    masks: str = ""  # fingerprint of the masks that say which steps the budget runs; other masks, other bits
    start: Start | None = None  # None: from noise
    image: Artifact | None = None  # the picture that the video begins with; its key holds its SHA-256
    adapter: str = ""  # the model's LoRA adapter that the tier switches on


NORMAL = "normal"
PRIORITIES = ("low", NORMAL, "high")
"""Priority classes, the least urgent first."""


class CacheMode(Word):
    """What a request allows the caches to do."""

    USE = "use"  # read and write
    READ = "read"  # read, do not write
    WRITE = "write"  # make it anew and keep it ("refresh")
    BYPASS = "bypass"  # make this video anew and do not keep it; what it is made of may come from caches
    OFF = "off"

    @property
    def reads(self) -> bool:
        """Whether a stored video may answer."""
        return self in (CacheMode.USE, CacheMode.READ)

    @property
    def writes(self) -> bool:
        """Whether the video is kept for others."""
        return self in (CacheMode.USE, CacheMode.WRITE)

    @property
    def reads_parts(self) -> bool:
        """Whether what the video is made of, such as embeddings, may come from caches."""
        return self.reads or self is CacheMode.BYPASS

    @property
    def writes_parts(self) -> bool:
        return self.writes or self is CacheMode.BYPASS


WEBHOOK_EVENTS = ("video.completed", "video.failed")
"""What a webhook can be told, by OpenAI's names."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of a job's end."""

    url: str | None  # None: the URL that the service's settings name for the tenant, looked up for each attempt
    events: tuple[str, ...] = WEBHOOK_EVENTS


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far the telling is. `error` is a word such as timeout or http_500, never the receiver's own text."""

    state: str = "waiting"  # waiting | delivered | failed (given up) | disabled (the receiver wants no more)
    attempts: int = 0
    error: str | None = None  # of the last attempt
    at: float | None = None  # of the last attempt, Unix seconds
    next_at: float | None = None


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """What came over the wire, well-formed; None means "the planner decides"."""

    prompt: str
    model: str | None = None
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    frames: int | None = None
    fps: int | None = None
    seed: int | None = None  # -1 asks for a fresh one
    steps: int | None = None
    budget: int | None = None  # of the steps, how many run the denoiser
    guidance: float | None = None
    sampler: str | None = None
    deterministic: bool = False
    step_cache: str | None = None  # one of STEP_CACHES
    tier: str = "auto"
    style: str | None = None  # id of a style, the server's or the caller's own
    enhance: bool = False  # have the prompt expanded
    allow_degrade: bool = False  # a lower tier is better than missing the deadline
    cache: CacheMode = CacheMode.USE
    cache_ttl_s: float | None = None
    similar: bool = False  # it may begin with a similar video of the caller's, and is kept for that itself
    priority: str = NORMAL
    deadline_s: float | None = None  # seconds from now, after which the video is of no use
    preview: bool = False  # show the clean estimate on the way
    user: str | None = None
    remixed_from: str | None = None
    webhook: Webhook | None = None
    after: tuple[str, ...] = ()  # ids of jobs that have to be completed first
    image: Artifact | None = None  # the picture to begin with, stored already
    guidance_2: float | None = None  # of a second expert


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking; tenants never see each other's jobs or cache entries."""

    tenant: str = "public"


class Status(Word):
    """The four statuses OpenAI clients know."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class Phase(Word):
    """Finer state of a job; legal moves between phases are a table in `app.jobs.states`."""

    QUEUED = "queued"
    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"
    POSTPROCESSING = "postprocessing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (Phase.COMPLETED, Phase.FAILED)

    @property
    def status(self) -> Status:
        if self in (Phase.QUEUED, Phase.COMPLETED, Phase.FAILED):
            return Status(self.value)
        return Status.IN_PROGRESS


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
    steps_skipped: int = 0  # at the start, because it began with a similar video


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
    remixed_from: str | None = None
    cache_mode: CacheMode = CacheMode.USE
    cache_ttl_s: float | None = None
    similar: bool = False  # its final latent is kept for similar starts
    priority: str = NORMAL  # one of PRIORITIES
    deadline: float | None = None  # of no use after this
    preview: bool = False
    user: str | None = None
    webhook: Webhook | None = None
    delivery: Delivery | None = None  # None until the first attempt
    after: tuple[str, ...] = ()  # ids of jobs that have to be completed before this one enters the line
    promised_s: float | None = None  # the wait before its first attempt, as predicted when it was accepted
    losses: int = 0  # attempts that ended because their replica was lost
    not_before: float | None = None  # after a loss, no attempt starts earlier

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
    kind: str  # phase | step | queue | preview | end
    at: float
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TierOfModel:
    """How a model departs from the quality table in one tier; None or empty: as the table or the model has it."""

    tier: str
    steps: tuple[int, ...] = ()  # for each class, the simplest first
    guidance: float | None = None
    sizes: tuple[tuple[int, int], ...] = ()  # of the model's, the tier's default first
    most_frames: int | None = None
    adapter: str = ""  # a LoRA adapter of the model, such as a distilled one of few steps


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What a model can make and how long it takes; all the planner and the API need to know of a model."""

    id: str
    family: str
    revision: str
    sizes: tuple[tuple[int, int], ...]  # (width, height), the default first
    frames: tuple[int, ...]  # legal frame counts, ascending
    fps: tuple[int, int]  # slowest and fastest
    default_frames: int
    default_fps: int
    guidance: float
    shift: float
    samplers: tuple[str, ...] = ("euler", "unipc")  # the default first
    guided_by: str = "negative"  # negative: an unconditional pass; input: the scale is an input; nothing: distilled
    most_steps: int | None = None  # a distilled model has no more noise levels
    tiers: tuple[TierOfModel, ...] = ()
    pool: str = "main"
    step_s: float = 0.1  # seconds a guided step takes at the default shape, until a replica has measured it
    overhead_s: float = 0.5  # encode + decode + finish
    guidance_2: float | None = None  # of a second expert, for the low noise; None: the same
    takes_image: bool = False  # a video may begin with a picture
    needs_image: bool = False  # it has to
    adapters: tuple[str, ...] = ()  # LoRA adapters that its tiers may name

    @property
    def pictures_only(self) -> bool:
        """Whether all it makes has one frame."""
        return self.frames[-1] == 1

    @property
    def max_seconds(self) -> float:
        """Longest playing time: all frames at the slowest rate."""
        return self.frames[-1] / self.fps[0]


@dataclass(frozen=True, slots=True)
class ReplicaInfo:
    """What a Diffuser replica says of itself, in Redis, every few seconds."""

    replica: str
    pool: str
    model: str
    slots: int
    running: int
    step_s: float
    seen_at: float
    device: str = "cpu"
    memory_bytes: int = 0
    step_times: dict[str, float] = field(default_factory=dict)  # "FxHxW" -> seconds of a guided step alone
    overhead_s: float = 0.0  # a job's time beside its steps: encode, decode, finish, hand-overs; 0 until measured
    device_overhead_s: float = 0.0  # what of that is the device's
    watts: float | None = None  # of the device at work; None where it cannot be read
    host_memory: float = 0.0  # share in use, of the machine or the container
    device_memory: float | None = None  # the same of the device; None where that is the host
    pressure: str = "ok"  # ok, warning: nobody joins, critical: the least urgent make room
    leaving: bool = False  # it takes no more jobs and hands back those it has


@dataclass(frozen=True, slots=True)
class Page:
    """A page of jobs, as lists are answered."""

    jobs: tuple[Job, ...]
    has_more: bool
