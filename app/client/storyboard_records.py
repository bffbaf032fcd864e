"""What the server answers about storyboards: frozen records, which have by name all that a newer server says, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.client.errors import UNEXPECTED_ANSWER, KinorayClientError
from app.client.records import (
    ENDED,
    Failure,
    JsonObject,
    VideoEvent,
    VideoWarning,
    expect_mapping,
    known_fields,
    part,
    warnings_of,
)


@dataclass(frozen=True, slots=True)
class Answer(Mapping[str, Any]):
    """An object as it came; a record of a class below has beside it what is known by type."""

    raw: JsonObject = field(repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.raw[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class StoryboardScene(Answer):
    """One scene: what is asked, and what has become of it."""

    number: int = 0  # from 1
    prompt: str = ""
    title: str | None = None
    narration: str | None = None
    caption: str | None = None
    status: str = "queued"
    stage: str = "waiting"
    step: int = 0
    steps: int = 0
    progress: int = 0
    eta_seconds: float | None = None
    video_id: str | None = None
    revision: int = 1
    cached: bool = False
    duration_seconds: float | None = None
    starts_at_seconds: float | None = None
    narration_seconds: float | None = None
    device_seconds: float = 0.0
    cost: float = 0.0
    error: Failure | None = None
    warnings: tuple[VideoWarning, ...] = ()

    @classmethod
    def parse(cls, answer: object) -> StoryboardScene:
        """A scene as the server sends it. Raises KinorayClientError when it is something else."""
        data = expect_mapping(answer, "scene")
        failure = part(data, "error")
        known = known_fields(cls, data) | {"warnings": warnings_of(data)}
        known["error"] = Failure(**known_fields(Failure, failure)) if failure else None
        return cls(**known | {"raw": data})


@dataclass(frozen=True, slots=True)
class StoryboardUsage:
    """What it took, and what was spared."""

    device_seconds: float = 0.0
    cost: float = 0.0
    generations: int = 0
    scenes_cached: int = 0
    saved_step_seconds: float = 0.0
    narrations_cached: int = 0
    assembly_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StoryboardFailure:
    """Why a storyboard failed; `scene` is the number of the one that could not be made, None where it was none."""

    code: str = "unknown"
    message: str = ""
    scene: int | None = None


@dataclass(frozen=True, slots=True)
class Storyboard(Answer):
    """A film of several scenes, under way or done."""

    id: str = ""
    status: str = "queued"
    phase: str = "queued"
    title: str = ""
    revision: int = 1
    progress: int = 0
    eta_seconds: float | None = None
    model: str | None = None
    size: str | None = None
    fps: int | None = None
    seconds: float = 0.0  # of the film; 0.0 while not known
    created_at: float | None = None
    completed_at: float | None = None
    cached: bool = False
    url: str | None = None
    scenes: tuple[StoryboardScene, ...] = ()
    usage: StoryboardUsage = StoryboardUsage()
    error: StoryboardFailure | None = None
    warnings: tuple[VideoWarning, ...] = ()

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @classmethod
    def parse(cls, answer: object) -> Storyboard:
        """A Storyboard object as the server sends it. Raises KinorayClientError when it is something else."""
        data = expect_mapping(answer, "storyboard")
        if not isinstance(data.get("id"), str):
            raise KinorayClientError(200, UNEXPECTED_ANSWER, "The server's storyboard has no id")
        failure = part(data, "error")
        known = known_fields(cls, data) | {
            "scenes": tuple(StoryboardScene.parse(each) for each in data.get("scenes") or ()),
            "usage": StoryboardUsage(**known_fields(StoryboardUsage, part(data, "usage"))),
            "error": StoryboardFailure(**known_fields(StoryboardFailure, failure)) if failure else None,
            "warnings": warnings_of(data),
            "seconds": _seconds(data.get("seconds")),
            "raw": data,
        }
        return cls(**known)


@dataclass(frozen=True, slots=True)
class StoryboardPage:
    """A page of storyboards; `last_id` is the `after` of the next one."""

    storyboards: tuple[Storyboard, ...]
    has_more: bool = False
    last_id: str | None = None

    @classmethod
    def parse(cls, answer: object) -> StoryboardPage:
        """A list object as the server sends it."""
        data = expect_mapping(answer, "list")
        found = tuple(Storyboard.parse(each) for each in data.get("data") or ())
        last_id = data.get("last_id") or (found[-1].id if found else None)
        return cls(found, bool(data.get("has_more")), last_id)


@dataclass(frozen=True, slots=True)
class StoryboardPlan(Answer):
    """What a storyboard would be and take; `scenes` are objects as the server sends them."""

    model: str = ""
    size: str = ""
    fps: int = 0
    seconds: float = 0.0
    steps: int = 0
    estimated_device_seconds: float = 0.0
    estimated_cost: float = 0.0  # 0.0 where no price is set
    scenes: tuple[JsonObject, ...] = ()
    warnings: tuple[VideoWarning, ...] = ()

    @classmethod
    def parse(cls, answer: object) -> StoryboardPlan:
        """A plan as the server sends it."""
        data = expect_mapping(answer, "plan")
        scenes = tuple(expect_mapping(each, "scene") for each in data.get("scenes") or ())
        return cls(**known_fields(cls, data) | {"scenes": scenes, "warnings": warnings_of(data), "raw": data})


@dataclass(frozen=True, slots=True)
class StoryboardDraft(Answer):
    """A text as scenes: `storyboard` is what `create_storyboard` takes, to be looked at and changed before."""

    storyboard: JsonObject = field(default_factory=dict)
    by: str = "rules"  # or model
    notes: tuple[str, ...] = ()
    warnings: tuple[VideoWarning, ...] = ()

    @classmethod
    def parse(cls, answer: object) -> StoryboardDraft:
        """A draft as the server sends it."""
        data = expect_mapping(answer, "draft")
        notes = tuple(str(note) for note in data.get("notes") or ())
        known = {"storyboard": part(data, "storyboard"), "notes": notes, "warnings": warnings_of(data), "raw": data}
        return cls(**known_fields(cls, data) | known)


@dataclass(frozen=True, slots=True)
class StoryboardEvent(VideoEvent):
    """One thing that happened to a storyboard; `kind` is snapshot, scene, story or end."""

    @property
    def storyboard(self) -> Storyboard | None:
        """The whole, if this is a snapshot."""
        return Storyboard.parse(self.data) if self.kind == "snapshot" else None

    @property
    def scene(self) -> StoryboardScene | None:
        """The scene that has changed, if this tells of one."""
        return StoryboardScene.parse(self.data.get("scene")) if self.kind == "scene" else None

    @property
    def video(self) -> None:
        """None: it is of a storyboard."""
        return


def _seconds(value: object) -> float:
    """A string on the wire."""
    try:
        return float(value) if isinstance(value, (str, int, float)) else 0.0
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Voice(Answer):
    """Somebody who may narrate; `language` None: whatever a storyboard's is, or not known."""

    id: str = ""
    language: str | None = None
    name: str = ""

    @classmethod
    def parse(cls, raw: object) -> Voice:
        """Of what the server answered. Raises KinorayClientError."""
        found = expect_mapping(raw, "voice")
        return cls(found, **known_fields(cls, found))


@dataclass(frozen=True, slots=True)
class Voices(Answer):
    """All who may narrate; `available`: whether narrations can be spoken, also where nobody has a name."""

    available: bool = False
    voices: tuple[Voice, ...] = ()

    @classmethod
    def parse(cls, raw: object) -> Voices:
        """Of what the server answered. Raises KinorayClientError."""
        found = expect_mapping(raw, "voices")
        return cls(found, bool(found.get("available")), tuple(map(Voice.parse, found.get("data") or ())))
