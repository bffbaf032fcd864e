"""What is told of a storyboard: its record, and how far each scene is, down to the step, as its jobs stand now."""

from __future__ import annotations

from dataclasses import dataclass

from app.types import Plan
from app.types.storyboard import Storyboard
from app.types.understood import PlanWarning
from app.types.words import Status


@dataclass(frozen=True, slots=True)
class SceneView:
    """One scene as it stands. `stage`: waiting | speaking | a job's phase, queued to postprocessing | made | failed.

    Those of its clip and of the clips that go on from it are summed in `step` and `steps`.
    """

    number: int  # from 1
    status: Status
    stage: str
    step: int
    steps: int
    progress: int  # percent; 100 only when made
    eta_s: float | None
    video_id: str | None  # of its newest job
    starts_at_s: float | None  # in the film; None until that is known
    device_seconds: float = 0.0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class StoryView:
    """The record and its tree; `progress` in percent, 100 only when completed."""

    story: Storyboard
    scenes: tuple[SceneView, ...]
    progress: int
    eta_s: float | None
    device_seconds: float = 0.0
    cost: float | None = None  # None: no price is set
    generations: int = 0  # jobs that were made anew for what stands in it now
    saved_step_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One thing that is told to who follows it: `snapshot`, `scene` (number `number`), `story`, or `end`, the last.

    `view` is the whole tree after it; None: the storyboard was deleted.
    """

    id: str
    kind: str
    at: float  # Unix seconds
    view: StoryView | None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class ScenePlan:
    """What one scene would be and take, before anything is made."""

    number: int
    plan: Plan  # of its clip
    clips: int  # 1, and those that go on from it where `fit` is extend
    seconds: float  # in the film
    narration_s: float | None  # as estimated from its text, or as it was spoken before; None: it has none
    starts_at_s: float
    steps: int  # of all its clips
    device_seconds: float
    cost: float | None
    warnings: tuple[PlanWarning, ...] = ()  # `param` as sent: scenes[2].prompt


@dataclass(frozen=True, slots=True)
class StoryPlan:
    """What the whole would be and take: by scene, and in sum."""

    model: str
    width: int
    height: int
    fps: int
    scenes: tuple[ScenePlan, ...]
    seconds: float  # of the film
    steps: int
    device_seconds: float
    cost: float | None  # None: no price is set
    warnings: tuple[PlanWarning, ...] = ()
