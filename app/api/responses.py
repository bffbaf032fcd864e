"""What a job looks like on the wire: a Job comes in, the Video object and its headers go out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from pydantic import BaseModel, Field

from app.api.draft_schema import VideoDraft, draft_object
from app.api.plan_schemas import Optimization, VideoWarning
from app.api.prepared_schema import VideoPrepared, prepared_object
from app.logs.context import trace_id
from app.plan.explain import describe
from app.service.outlook import Outlook
from app.settings import Settings
from app.types import Delivery, Job, Measured

VIDEO_ID = "x-video-id"
POLL_AFTER = "openai-poll-after-ms"
NOT_WANTED = "not_wanted"  # the state of a webhook that nothing will be told
LONGEST_POLL_S = 10.0
QUEUE_REASON = (
    "pool_starting: its pool slept, and a replica is on its way; no_replica: nobody knows when; older_replicas: some "
    "of its pool cannot take it, and are to be replaced by newer ones; else null"
)
UNMADE = "; 0.0 of what was not made for this job: unfinished, or a repeat"
POLLS = 10  # a client that polls asks about that often; the openai package keeps the first interval it is told


class VideoError(BaseModel):
    """Why a video failed."""

    code: str
    message: str


class VideoCache(BaseModel):
    """How the caches served a video; `note` says why a similar start that was planned was none."""

    kind: str
    hit: bool
    saved_step_seconds: float
    embedding_hit: bool | None
    similarity: float | None
    steps_skipped: int
    note: str | None


class VideoWebhook(BaseModel):
    """Who is told of the end, and how far that is."""

    url: str | None = Field(description="Yours; null where it is the server's own")
    events: list[str]
    state: str = Field(
        description="waiting, delivered, failed (given up after about twelve hours), disabled, or not_wanted: the "
        "video has ended in a way that is not among the events"
    )
    attempts: int
    last_error: str | None = Field(description="timeout, unknown_host, forbidden_address, http_500 …")
    last_attempt_at: float | None
    next_attempt_at: float | None


class VideoStoryboard(BaseModel):
    """Which scene of which storyboard a video is."""

    id: str = Field(description="The storyboard's id")
    scene: int = Field(description="The scene's number, from 1")


class Video(BaseModel):
    """OpenAI's Video object, and what more there is to know."""

    id: str
    object: Literal["video"] = "video"
    model: str
    prompt: str
    status: str = Field(description="queued, in_progress, completed or failed")
    phase: str = Field(description="queued, encoding, denoising, decoding, postprocessing, completed or failed")
    progress: int = Field(description="Percent; 100 only when completed")
    created_at: int
    started_at: int | None
    completed_at: int | None
    expires_at: int | None
    size: str
    seconds: str
    quality: str = Field(description="The tier")
    fps: int
    num_frames: int
    seed: int
    seed_text: str = Field(description="The seed as text: above 2^53 a number is not exact in JavaScript")
    step: int
    total_steps: int
    eta_s: float | None = Field(description="Seconds until it is done; 0.0 once it has ended, null while not known")
    queue_position: int | None = Field(description="Jobs ahead in the line, while it waits")
    queue_reason: str | None = Field(description=QUEUE_REASON)
    remixed_from_video_id: str | None
    storyboard: VideoStoryboard | None
    error: VideoError | None
    cache: VideoCache
    optimization: Optimization
    stage_durations: dict[str, float] = Field(description="Seconds by stage, once completed")
    inference_time_s: float = Field(description="From encoding to the finished file, without the wait" + UNMADE)
    device_seconds: float = Field(description="Time of the device" + UNMADE)
    cost: float = Field(description="Money" + UNMADE + ", or where no price per device hour is set")
    energy_wh: float = Field(description="Energy of the device, Wh" + UNMADE + ", or where its power is not known")
    peak_memory_mb: float = Field(description="Most memory of the device, MiB" + UNMADE + ", or where it is not known")
    attempts: int
    resumed_from_step: int | None = Field(description="The checkpoint it went on from after an interruption")
    priority: str = Field(description="low, normal or high")
    deadline_at: float | None = Field(description="Unix seconds after which it is given up")
    after: list[str] = Field(description="Videos that have to be completed first")
    waiting_for: list[str] = Field(description="Those of them that are not yet")
    promised_s: float = Field(description="The wait that was predicted when it was accepted, in seconds; 0.0: none")
    user: str | None
    favourite: bool = Field(description="Whether it is one of your favourites")
    tags: list[str] = Field(description="What you keep it by")
    rating: int | None = Field(description="What you said of it last, 1 to 5")
    url: str | None = Field(description="Where the file is, once completed")
    prepared: VideoPrepared | None = Field(description="Where `prepare` was asked for: what was done")
    draft: VideoDraft | None = Field(description="Where `speculative` was asked for: what is shown first; null: none")
    webhook: VideoWebhook | None
    warnings: list[VideoWarning] = Field(description="What is not as asked; empty: all is")
    trace_id: str | None = Field(description="Its trace, as OpenTelemetry has it; null: it was not traced")


class MadeFigures(TypedDict):
    """The fields of a Video that only a made one has, under their own names."""

    stage_durations: dict[str, float]
    inference_time_s: float
    device_seconds: float
    cost: float
    energy_wh: float
    peak_memory_mb: float


class VideoList(BaseModel):
    """A page of videos; `last_id` is the `after` of the next."""

    object: Literal["list"] = "list"
    data: list[Video]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoDeleted(BaseModel):
    """What is said of a deleted video."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


def video_object(job: Job, outlook: Outlook, settings: Settings, base: str, now: float) -> Video:
    """The Video object of a job; one that waits for another's video shows how far that one is.

    `base` is the address before `/v1` under which the client reaches the service, `now` the time, Unix seconds.
    """
    plan, measured = job.plan, job.measured
    at = outlook.leader or job
    return Video(
        id=job.id,
        model=plan.model,
        prompt=plan.prompt,
        status=at.status.value,
        phase=at.phase.value,
        progress=at.progress,
        created_at=int(job.created_at),
        started_at=unix_seconds(at.started_at),
        completed_at=unix_seconds(job.completed_at),
        expires_at=unix_seconds(job.expires_at),
        size=plan.whole.size,
        seconds=f"{round(plan.whole.seconds, 3):g}",
        quality=plan.tier,
        fps=plan.whole.fps,
        num_frames=plan.whole.frames,
        seed=plan.sampling.seed,
        seed_text=str(plan.sampling.seed),
        step=at.step,
        total_steps=plan.sampling.steps,
        eta_s=_eta_s(job, outlook),
        queue_position=outlook.position,
        queue_reason=outlook.reason,
        remixed_from_video_id=job.wishes.remixed_from,
        storyboard=_storyboard(job),
        error=VideoError(code=job.failure.code, message=job.failure.message) if job.failure else None,
        cache=VideoCache.model_validate(job.cache, from_attributes=True),
        optimization=Optimization.model_validate(describe(plan)),
        attempts=job.attempts,
        resumed_from_step=measured.resumed_from_step if measured else None,
        priority=job.priority,
        deadline_at=job.deadline,
        after=list(job.after),
        waiting_for=list(outlook.waits_for),
        promised_s=job.promised_s or 0.0,
        user=job.wishes.user,
        favourite=job.favourite,
        tags=list(job.tags),
        rating=job.rating,
        url=f"{base}/v1/videos/{job.id}/content" if has_file(job, settings, now) else None,
        prepared=prepared_object(plan.prepared),
        draft=draft_object(job, at, base, _keeps_files(job, settings, now)),
        webhook=_webhook(job),
        warnings=[VideoWarning(code=each.code, message=each.message, param=each.param) for each in plan.warnings],
        trace_id=trace_id(job.trace),
        **_figures(measured, settings),
    )


def _eta_s(job: Job, outlook: Outlook) -> float | None:
    if job.phase.ended:
        return 0.0
    return None if outlook.eta_s is None else round(outlook.eta_s, 3)


def has_file(job: Job, settings: Settings, now: float) -> bool:
    """Whether there is a video to fetch, as far as the record and its time say."""
    return "video" in job.artifacts and _keeps_files(job, settings, now)


def _keeps_files(job: Job, settings: Settings, now: float) -> bool:
    return now < (job.completed_at or now) + settings.artifacts_kept_s


def _storyboard(job: Job) -> VideoStoryboard | None:
    if job.wishes.storyboard is None:
        return None
    story_id, scene = job.wishes.storyboard
    return VideoStoryboard(id=story_id, scene=scene)


def _webhook(job: Job) -> VideoWebhook | None:
    if job.webhook is None:
        return None
    told = job.delivery or Delivery()
    unwanted = job.phase.ended and not job.webhook.wants(job.phase)
    return VideoWebhook(
        url=job.webhook.url,
        events=list(job.webhook.events),
        state=NOT_WANTED if unwanted else told.state,
        attempts=told.attempts,
        last_error=told.error,
        last_attempt_at=told.at,
        next_attempt_at=told.next_at,
    )


def video_list(data: Sequence[Video], has_more: bool) -> VideoList:
    """A page of Video objects."""
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return VideoList(data=list(data), first_id=first, last_id=last, has_more=has_more)


def job_headers(job: Job, settings: Settings, **took_s: float) -> dict[str, str]:
    """When to ask again, and the seconds that stages took: of the job if it is done, and those given."""
    stages = {**took_s, **(job.measured.stages_s if job.measured else {})}
    headers = {POLL_AFTER: str(round(1000 * _poll_after_s(job, settings)))}
    if timing := [f"{name};dur={1000 * seconds:.1f}" for name, seconds in stages.items() if name != "total"]:
        headers["server-timing"] = ", ".join(timing)
    return headers


def inference_time_s(measured: Measured) -> float:
    """Seconds from encoding to the finished file."""
    return sum(seconds for name, seconds in measured.stages_s.items() if name not in ("queue", "total"))


def _poll_after_s(job: Job, settings: Settings) -> float:
    if job.phase.ended:
        return settings.poll_after_s
    left_s = job.plan.estimate.seconds if job.eta_s is None else job.eta_s
    return max(settings.poll_after_s, min(left_s / POLLS, LONGEST_POLL_S))


def _figures(measured: Measured | None, settings: Settings) -> MadeFigures:
    """The fields that only a made video has: numbers in any case, for clients compute with them."""
    measured = measured or Measured()
    price = settings.price_per_device_hour or 0.0
    return {
        "stage_durations": {name: round(seconds, 4) for name, seconds in measured.stages_s.items()},
        "inference_time_s": round(inference_time_s(measured), 4),
        "device_seconds": round(measured.device_seconds, 4),
        "cost": round(price * measured.device_seconds / 3600, 6),
        "energy_wh": round(measured.energy_wh or 0.0, 6),
        "peak_memory_mb": round((measured.peak_memory_bytes or 0) / 2**20, 1),
    }


def unix_seconds(at: float | None) -> int | None:
    """A time as OpenAI's objects have it."""
    return None if at is None else int(at)
