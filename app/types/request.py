"""What comes over the wire, well-formed, and who sent it."""

from __future__ import annotations

from dataclasses import dataclass

from app.types.plan import Artifact
from app.types.words import NORMAL, WEBHOOK_EVENTS, CacheMode


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
class Caller:
    """Who is asking; tenants never see each other's jobs or cache entries."""

    tenant: str = "public"


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
