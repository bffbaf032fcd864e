"""What the server answers with, as frozen records; what a newer server adds is kept too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, TypeVar

from app.client.errors import UNEXPECTED_ANSWER, KinorayClientError

ENDED = ("completed", "failed")

T = TypeVar("T")

JsonObject: TypeAlias = Mapping[str, Any]
"""An object as the server sent it, a newer server's fields too; no type can say what those hold."""


def known_fields(kind: type[T], data: JsonObject) -> dict[str, Any]:
    """The fields of a record class that the answer gives a value for."""
    names = {each.name for each in fields(kind)} - {"extra"}  # type: ignore[arg-type]
    return {name: data[name] for name in names if data.get(name) is not None}


def part(data: JsonObject, name: str) -> JsonObject:
    """A nested object, empty when the answer has none."""
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def expect_mapping(answer: object, what: str) -> JsonObject:
    """The answer, if it is a JSON object; whatever else answered is not Kinoray."""
    if not isinstance(answer, Mapping):
        raise KinorayClientError(200, UNEXPECTED_ANSWER, f"The server's {what} is not a JSON object")
    return answer


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a video was not made."""

    code: str = "unknown"
    message: str = ""


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What the caches spared."""

    kind: str = "none"
    hit: bool = False
    saved_step_seconds: float = 0.0
    embedding_hit: bool | None = None
    similarity: float | None = None
    steps_skipped: int = 0
    note: str | None = None


@dataclass(frozen=True, slots=True)
class VideoWarning:
    """One thing that is not as asked; `param` names the field that it is about."""

    code: str = "unknown"
    message: str = ""
    param: str | None = None


def warnings_of(answer: JsonObject) -> tuple[VideoWarning, ...]:
    """The warnings of a video or of an analysis; what is none is left out."""
    told = answer.get("warnings")
    rows = told if isinstance(told, (list, tuple)) else ()
    return tuple(VideoWarning(**known_fields(VideoWarning, each)) for each in rows if isinstance(each, Mapping))


@dataclass(frozen=True, slots=True)
class KnownWord:
    """Words of a prompt, and what they mean to a model of few words."""

    text: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a model that draws only a few things makes of a prompt: words it knows, and words it does not."""

    known: tuple[KnownWord, ...] = ()
    unknown: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: JsonObject) -> Understood | None:
        """None where the server tells nothing of it: the model draws anything."""
        if not data:
            return None
        known = tuple(KnownWord(**known_fields(KnownWord, each)) for each in data.get("known") or ())
        return cls(known, tuple(str(word) for word in data.get("unknown") or ()))


@dataclass(frozen=True, slots=True)
class Optimization:
    """What the planner decided, and why."""

    complexity_score: int = 0
    complexity: str | None = None
    tier: str | None = None
    asked_tier: str | None = None
    steps: int = 0
    budget: int = 0
    sampler: str | None = None
    deterministic: bool = False
    evaluations: int = 0  # runs of the denoiser
    fixed_default_steps: int = 0  # evaluations of the model's own full run
    steps_saved_share: float = 0.0  # evaluations spared of it
    estimated_step_seconds: float = 0.0
    estimated_seconds: float = 0.0
    estimated_device_seconds: float = 0.0
    estimated_cost: float = 0.0  # 0.0 where no price is set
    estimated_energy_wh: float = 0.0  # 0.0 where the device's power is not known
    flow_shift: float | None = None
    guidance_rule: JsonObject | None = None  # start, stop, cfg_zero_star, zero_init_steps; None: at each step
    noise_levels: tuple[float, ...] = ()  # a few-step method's own
    draft: JsonObject | None = None  # what is shown first: evaluations, from_step, noise_level, calibrated
    sound: bool = False  # the file has some
    stages: tuple[JsonObject, ...] = ()  # size, frames and steps of each walk, where it is made in several
    loras: tuple[JsonObject, ...] = ()  # name and strength of each
    calibrated: bool = False  # the budget comes from a measured table
    style: str | None = None
    written_prompt: str | None = None  # what was sent, where a style or enhancement changed it
    reasons: tuple[str, ...] = ()
    understood: Understood | None = None  # None: the model draws anything


@dataclass(frozen=True, slots=True)
class StoryboardScene:
    """Which scene of which storyboard a video is."""

    id: str
    scene: int = 0  # from 1

    @classmethod
    def parse(cls, data: JsonObject) -> StoryboardScene | None:
        """None of a video that is made for itself."""
        return cls(**known_fields(cls, data)) if isinstance(data.get("id"), str) else None


@dataclass(frozen=True, slots=True)
class VideoDraft:
    """The draft of a speculative video, and what became of it."""

    url: str | None = None  # where it is, once it can be played
    after_s: float | None = None  # seconds from the video's acceptance until then
    verdict: str = "pending"  # pending, kept, rejected, uncalibrated or failed
    from_step: int = 0  # the first step of the plan that is walked behind it; 0: from noise
    noise_level: float = 1.0
    steps_saved: int = 0
    residual: float | None = None  # how far the model's own guess is from it
    most_residual: float | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """A video under way or done. Fields without a name here are in `extra`."""

    id: str
    status: str = "queued"
    phase: str | None = None
    model: str | None = None
    prompt: str = ""
    progress: int = 0
    step: int = 0
    total_steps: int = 0
    eta_s: float | None = None  # 0.0 once it has ended, None while not known
    queue_position: int | None = None
    queue_reason: str | None = None  # pool_starting, no_replica, older_replicas: what it waits for besides those ahead
    size: str | None = None
    seconds: float | None = None
    seed: int | None = None
    seed_text: str = ""  # the same as text
    created_at: float | None = None
    completed_at: float | None = None
    priority: str | None = None
    deadline_at: float | None = None  # Unix seconds after which it is given up
    attempts: int = 0
    after: tuple[str, ...] = ()  # ids of videos that have to be completed first
    waiting_for: tuple[str, ...] = ()  # those of them that are not yet
    promised_s: float = 0.0  # the wait that was predicted when it was accepted
    stage_durations: Mapping[str, float] = field(default_factory=dict)  # seconds by stage, once completed
    inference_time_s: float = 0.0  # these five are 0.0 of what was not made for this job: unfinished, or a repeat
    device_seconds: float = 0.0
    cost: float = 0.0  # money; 0.0 without a price, too
    energy_wh: float = 0.0
    peak_memory_mb: float = 0.0
    url: str | None = None  # where the file is, once there is one to fetch
    resumed_from_step: int | None = None  # the checkpoint it went on from after an interruption
    error: Failure | None = None
    cache: CacheUse = CacheUse()
    optimization: Optimization = Optimization()
    warnings: tuple[VideoWarning, ...] = ()  # what is not as asked
    storyboard: StoryboardScene | None = None  # what it is made for
    favourite: bool = False
    tags: tuple[str, ...] = ()  # what its owner keeps it by
    rating: int | None = None  # what its owner said of it last, 1 to 5
    trace_id: str | None = None  # its trace, as OpenTelemetry has it
    draft: VideoDraft | None = None  # None: none was asked for or is planned
    extra: JsonObject = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @classmethod
    def parse(cls, answer: object) -> Video:
        """A Video object as the server sends it. Raises KinorayClientError when it is something else."""
        data = expect_mapping(answer, "video")
        if not isinstance(data.get("id"), str):
            raise KinorayClientError(200, UNEXPECTED_ANSWER, "The server's video has no id")
        known = known_fields(cls, data)
        if "seconds" in known:
            known["seconds"] = _number(known["seconds"])  # a string on the wire
        for name in ("after", "waiting_for", "tags"):
            known[name] = tuple(known.get(name, ()))
        failure = part(data, "error")
        known["error"] = Failure(**known_fields(Failure, failure)) if failure else None
        known["cache"] = CacheUse(**known_fields(CacheUse, part(data, "cache")))
        draft = part(data, "draft")
        known["draft"] = VideoDraft(**known_fields(VideoDraft, draft)) if draft else None
        known["storyboard"] = StoryboardScene.parse(part(data, "storyboard"))
        known["warnings"] = warnings_of(data)
        planned = known_fields(Optimization, part(data, "optimization"))
        planned["understood"] = Understood.parse(part(planned, "understood"))
        for name in ("reasons", "loras", "stages"):
            planned[name] = tuple(planned.get(name, ()))
        known["optimization"] = Optimization(**planned)
        return cls(**known, extra={name: value for name, value in data.items() if name not in cls.__slots__})


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class VideoPage:
    """A page of videos; `last_id` is the `after` of the next one."""

    videos: tuple[Video, ...]
    has_more: bool = False
    last_id: str | None = None

    @classmethod
    def parse(cls, answer: object) -> VideoPage:
        """A list object as the server sends it."""
        data = expect_mapping(answer, "list")
        videos = tuple(Video.parse(each) for each in data.get("data") or ())
        last_id = data.get("last_id") or (videos[-1].id if videos else None)
        return cls(videos, bool(data.get("has_more")), last_id)


@dataclass(frozen=True, slots=True)
class VideoEvent:
    """One fact about a video's progress; `kind` is snapshot, phase, step, queue, preview or end, of all also ready.

    A preview's `image` is the unfinished video as a small picture, `data:image/webp;base64,…`.
    """

    id: str
    kind: str
    data: JsonObject = field(default_factory=dict)

    @property
    def video(self) -> Video | None:
        """The whole video, if this is a snapshot."""
        return Video.parse(self.data) if self.kind == "snapshot" else None

    @property
    def video_id(self) -> str | None:
        """The video that it is of, where the events of all are followed."""
        found = self.data.get("id" if self.kind == "snapshot" else "video_id")
        return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class Style:
    """A style that a video may be asked for in. `owner` is server, you or other; unnamed fields are in `extra`."""

    id: str
    name: str = ""
    description: str = ""
    owner: str = "server"
    shared: bool = False
    before: str = ""
    after: str = ""
    negative_prompt: str = ""
    tier: str | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    fps: int | None = None
    uses: int = 0
    your_uses: int = 0
    extra: JsonObject = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, answer: object) -> Style:
        """A style object as the server sends it. Raises KinorayClientError when it is something else."""
        data = expect_mapping(answer, "style")
        if not isinstance(data.get("id"), str):
            raise KinorayClientError(200, UNEXPECTED_ANSWER, "The server's style has no id")
        more = {name: value for name, value in data.items() if name not in cls.__slots__}
        return cls(**known_fields(cls, data), extra=more)


@dataclass(frozen=True, slots=True)
class RecommendedStyle:
    """A style that suits a prompt; `score` is how alike in meaning they are, -1 to 1."""

    style: Style
    score: float = 0.0
    reason: str = ""

    @classmethod
    def parse(cls, answer: object) -> RecommendedStyle:
        """One entry of the server's advice."""
        data = expect_mapping(answer, "advice")
        return cls(Style.parse(data.get("style")), _number(data.get("score")) or 0.0, str(data.get("reason") or ""))


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is, by component; `facts` is the whole answer."""

    ok: bool
    facts: JsonObject = field(default_factory=dict)
