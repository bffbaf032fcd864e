"""A storyboard: the scenes that are asked for, what has become of each, and the film that is put together of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from app.types.artifact import Artifact
from app.types.inputs import PlannedInput
from app.types.job import Delivery, Failure
from app.types.plan import Estimate
from app.types.understood import PlanWarning
from app.types.wishes import Webhook
from app.types.words import NORMAL, Status, Word

MOST_SCENES: Final = 60


class Transition(Word):
    """How a scene begins, seen from the one before it; the first scene has none."""

    CUT = "cut"
    CROSSFADE = "crossfade"
    FADE = "fade"  # through black


class Fit(Word):
    """What fills a scene whose narration is longer than its clip."""

    HOLD = "hold"  # its last frame stands
    LOOP = "loop"
    SLOW = "slow"
    EXTEND = "extend"  # another clip goes on from its last frame, for models that take a picture


class CaptionMode(Word):
    """Where captions are seen; the files are there in any case."""

    OFF = "off"  # in the files alone
    TRACK = "track"  # a track of the film that players switch on
    BURNT = "burnt"  # drawn into the picture


class StoryPhase(Word):
    """State of a storyboard; legal moves are a table in `app.jobs.storyboards.states`."""

    QUEUED = "queued"
    MAKING = "making"  # narration and scenes are being made
    ASSEMBLING = "assembling"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (StoryPhase.COMPLETED, StoryPhase.FAILED)

    @property
    def status(self) -> Status:
        if self in (StoryPhase.MAKING, StoryPhase.ASSEMBLING):
            return Status.IN_PROGRESS
        return Status(self.value)


class ScenePhase(Word):
    """State of one scene."""

    WAITING = "waiting"
    SPEAKING = "speaking"  # its narration is being made; its length follows from that
    MAKING = "making"  # its job is under way
    MADE = "made"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (ScenePhase.MADE, ScenePhase.FAILED)


@dataclass(frozen=True, slots=True)
class Narrator:
    """Who speaks, and how fast."""

    voice: str | None = None  # a name that the voice in use knows; None: its own for the language
    language: str = "en"  # BCP 47
    speed: float = 1.0  # 0.5 to 2.0


@dataclass(frozen=True, slots=True)
class VoiceName:
    """A voice that a narrator may have."""

    id: str  # what `Narrator.voice` takes
    language: str | None  # BCP 47; None: the voice speaks what the narrator's language is, or one that is not known
    name: str  # for people


@dataclass(frozen=True, slots=True)
class SceneWish:
    """What is asked of one scene; None: as the whole storyboard has it, or the planner decides."""

    prompt: str
    title: str | None = None
    seconds: float | None = None  # None: as long as its narration, or the model's own length
    narration: str | None = None
    caption: str | None = None  # None: the narration
    image: Artifact | None = None
    style: str | None = None
    tier: str | None = None
    seed: int | None = None
    transition: Transition | None = None
    fit: Fit | None = None
    references: tuple[PlannedInput, ...] = ()  # pictures beside the one that it begins with


@dataclass(frozen=True, slots=True)
class StoryWish:
    """What is asked of all of it."""

    scenes: tuple[SceneWish, ...]
    title: str = ""
    model: str | None = None
    style: str | None = None
    tier: str = "auto"
    negative_prompt: str = ""
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    fps: int | None = None
    narrator: Narrator = Narrator()
    captions: CaptionMode = CaptionMode.TRACK
    transition: Transition = Transition.CUT
    transition_s: float = 0.5
    fit: Fit = Fit.HOLD
    music_level: float = 0.0  # 0 to 1; 0: none
    music: Artifact | None = None  # None: a quiet bed of Kinoray's own, where there is a level
    priority: str = NORMAL
    deadline_s: float | None = None
    webhook: Webhook | None = None
    user: str | None = None
    deterministic: bool = False
    preview: bool = False  # its scenes show their clean estimates on the way


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """When a word is heard, in seconds from the narration's beginning."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Narration:
    """A narration that was made: float audio in a file, and when its words are heard."""

    artifact: Artifact  # FLAC, mono, of a rate of its own
    seconds: float
    words: tuple[SpokenWord, ...] = ()
    cached: bool = False
    measured: bool = False  # word times come from the voice, and are not spread evenly


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene on record: what is asked, and what has become of it."""

    wish: SceneWish
    revision: int = 1  # of this scene; a change of it counts up
    phase: ScenePhase = ScenePhase.WAITING
    attempts: int = 1  # a retry counts up, and makes another job
    job_ids: tuple[str, ...] = ()  # its clip, and those that go on from it where `fit` is extend: the last has it all
    former_ids: tuple[str, ...] = ()  # jobs of its earlier revisions and attempts, forgotten with the storyboard
    narration: Narration | None = None
    caption: str | None = None  # as a language model has written it, where one does that and none was asked for
    clip: Artifact | None = None
    frames: int = 0
    fps: int = 0
    seconds: float = 0.0  # of the scene in the film, once known
    cached: bool = False  # its clip came from a cache, or is that of an earlier revision
    step: int = 0
    steps: int = 0
    eta_s: float | None = None
    device_seconds: float = 0.0
    saved_step_seconds: float = 0.0
    cost: float | None = None
    estimate: Estimate | None = None
    failure: Failure | None = None
    warnings: tuple[PlanWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Storyboard:
    """The durable record. Every change after creation names the `version` that it was made of."""

    id: str
    tenant: str
    wish: StoryWish
    scenes: tuple[Scene, ...]
    phase: StoryPhase
    created_at: float  # Unix seconds, as all times here
    version: int = 0  # of the record: every write counts up
    revision: int = 1  # of what is asked: every PATCH counts up
    fence: int = 0  # whoever begins to assemble it, or changes what is asked, counts up; guards the assembling
    tries: int = 0  # to go on with it that failed, one after another
    started_at: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None
    failure: Failure | None = None
    artifacts: dict[str, Artifact] = field(default_factory=dict)  # video, thumbnail, spritesheet, srt, vtt, audio
    frames: int = 0
    fps: int = 0
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    assembly_s: float = 0.0
    cached: bool = False  # the whole film was there already
    delivery: Delivery | None = None
    deadline: float | None = None
    key_id: str | None = None
    trace: str | None = None

    @property
    def status(self) -> Status:
        return self.phase.status

    def with_scene(self, number: int, scene: Scene) -> Storyboard:
        """The same with another scene `number`, from 1. Raises IndexError."""
        if not 1 <= number <= len(self.scenes):
            raise IndexError(number)
        return replace(self, scenes=(*self.scenes[: number - 1], scene, *self.scenes[number:]))
