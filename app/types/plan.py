"""The plan: everything that is decided about a video before it is made, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from app.types.artifact import Artifact
from app.types.guidance import GuidanceRule
from app.types.inputs import PlannedInput
from app.types.masks import Masks
from app.types.model import StudentOfModel
from app.types.prepare import Prepared
from app.types.understood import PlanWarning, Understood
from app.types.upload import UploadedLora
from app.types.words import OFF


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

    @property
    def pixels(self) -> int:
        """Of all frames."""
        return self.width * self.height * self.frames


@dataclass(frozen=True, slots=True)
class Postprocessing:
    """What becomes of a clip's frames once the model has made them: more a second, and larger.

    A mark is the digest of the operator's file that does it; empty: what Kinoray brings.
    """

    frames: int  # of the clip in the file
    fps: int
    interpolate: str = OFF  # one of INTERPOLATIONS
    upscale: int = 1  # times the sides
    interpolate_mark: str = ""
    upscale_mark: str = ""
    seconds: float = 0.0  # that it is predicted to take

    @property
    def bits(self) -> list[str | int]:
        """What of it decides the bits."""
        how: list[str | int] = [self.interpolate, self.interpolate_mark, self.upscale, self.upscale_mark]
        return [self.frames, self.fps, *how]


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
    rule: GuidanceRule | None = None  # None: guidance at each step
    levels: tuple[float, ...] = ()  # of a few-step method: its own noise levels, falling, above 0, one for each step
    ar_step: int = 0  # by how many steps a block of latent frames lags behind the one before; 0: all at one level
    causal_block: int = 0  # latent frames of a block, which sees none behind it; 0: each sees all

    def guides(self, step: int) -> bool:
        """Whether a step of one walk is one of those with guidance, where the plan has any; see `Plan.guides`."""
        return self.rule is None or self.rule.guides(step, self.steps)

    @property
    def zero_steps(self) -> int:
        """First steps of a walk whose velocity is 0; see `Plan.still`."""
        return 0 if self.rule is None else self.rule.zero_steps

    @property
    def later_fields(self) -> tuple[str, ...]:
        """Fields that came after digests were first kept, and say nothing here."""
        return tuple(name for name in ("rule", "levels", "ar_step", "causal_block") if not getattr(self, name))

    @property
    def alone(self) -> bool:
        """Whether the job shares no forward."""
        return self.deterministic or bool(self.step_cache)


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
class Stage:
    """One of several walks down the noise that a video is made in, one behind another: its shape, and its length."""

    spec: VideoSpec
    steps: int
    given: int = 0  # of its frames, those in front that the stages before have made
    adapter: str = ""  # a LoRA of few steps that acts in it beside the plan's; then it is not guided
    own_steps: int = 0  # of each of its latent frames, where later ones lag behind; 0: those of the stage
    ready: int = 0  # latent frames that are there already, in such a stage

    @property
    def facts(self) -> dict[str, object]:
        """What of it decides the bits, without what came later and says nothing."""
        late = ("own_steps", "ready")
        return {name: value for name, value in asdict(self).items() if value or name not in late}


@dataclass(frozen=True, slots=True)
class MustShow:
    """What a video of a model of few words has to show, in plain words, where its prompt says all of it."""

    ground: str
    subjects: tuple[tuple[str, str, str], ...]  # colour, shape and motion of each


@dataclass(frozen=True, slots=True)
class FirstDraft:
    """What is made in few evaluations and shown before the plan itself, and how far that may then go on from it."""

    sampling: Sampling  # how the draft's noise is walked down
    student: StudentOfModel | None = None  # whose weights make it; None: the model's own, with `adapters`
    adapters: tuple[tuple[str, float], ...] = ()
    step: int = 0  # the first step of the plan that is walked behind a kept draft; 0: none is kept
    level: float = 1.0  # the noise level there, to which the draft is noised again
    most_residual: float = 0.0  # farther from the model's own first guess it is thrown away
    shown: MustShow | None = None  # what it is judged by instead: the residual is the share of this that is not seen

    @property
    def calibrated(self) -> bool:
        """Whether it may be gone on from: it was measured how far."""
        return self.step > 0


@dataclass(frozen=True, slots=True)
class Extension:
    """The completed video that a plan's clip goes on from; the file that comes of it begins with all its frames."""

    source: str  # id of its job
    video: Artifact
    frames: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The immutable decision for one video.

    Raises:
        ValueError: its masks are of other steps or another budget than its sampling, or its stages are not of both.
    """

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
    masks: Masks | None = None  # which steps the budget runs, from noise on; None: an even spread of them
    mark: str = ""  # what else decides the bits: MagCache's magnitudes, and what draws the pictures
    start: Start | None = None  # None: from noise
    image: Artifact | None = None  # the picture that the video begins with; its key holds its SHA-256
    extends: Extension | None = None  # the clip's first frame is the last of that video
    adapters: tuple[tuple[str, float], ...] = ()  # the LoRA adapters that act: names and strengths, by name
    full_run: int = 50  # evaluations of the model's own full run, or all the steps that were asked for, if more
    warnings: tuple[PlanWarning, ...] = ()  # what will not be as asked
    understood: Understood | None = None  # None: the model draws anything
    prepared: Prepared | None = None  # what was done to the picture before; `image` is what came of it
    uploads: tuple[UploadedLora, ...] = ()  # those of the adapters that the tenant has uploaded
    postprocessing: Postprocessing | None = None  # None: the frames are shown as they are made
    student: StudentOfModel | None = None  # whose weights and levels denoise; None: the model's own
    draft: FirstDraft | None = None  # what is shown first; None: nothing
    references: tuple[PlannedInput, ...] = ()  # other pictures and videos that it is made with
    sound: bool = False  # its file has the sound that the model makes with it
    stages: tuple[Stage, ...] = ()  # the walks that its steps are of, where there are several; none: one, of its spec
    shown: int = 0  # frames of its size, as which the tokens of its inputs count at each step beside its own

    def __post_init__(self) -> None:
        masks, asked = self.masks, self.sampling
        if masks is not None and (masks.steps, masks.budget, masks.first) != (asked.steps, asked.budget, 0):
            raise ValueError(f"The plan's masks are not of a budget of {asked.budget} in {asked.steps} steps.")
        if self.stages and (masks is None or sum(stage.steps for stage in self.stages) != asked.steps):
            raise ValueError(f"The plan's stages are not of {asked.steps} steps, or it has no masks.")

    def stage_at(self, step: int) -> tuple[int, int]:
        """The stage that is walked at a step, and the step that it begins at; behind the last step the last one."""
        first = 0
        for place, stage in enumerate(self.stages[:-1]):
            if step < first + stage.steps:
                return place, first
            first += stage.steps
        return max(0, len(self.stages) - 1), first

    def spec_at(self, step: int) -> VideoSpec:
        """The shape that is walked in at a step."""
        return self.stages[self.stage_at(step)[0]].spec if self.stages else self.spec

    def stepped_at(self, step: int) -> VideoSpec:
        """The shape of a video of words alone whose step has as many tokens as one of this one."""
        return self._with_shown(self.spec_at(step))

    @property
    def stepped(self) -> VideoSpec:
        """The same of the whole: what its steps, and its time beside them, are learned and looked up by."""
        return self._with_shown(self.spec)

    def _with_shown(self, spec: VideoSpec) -> VideoSpec:
        return replace(spec, frames=spec.frames + self.shown) if self.shown else spec

    def guides(self, step: int) -> bool:
        """Whether a step is one of those with guidance, where it has any: by its place in its own stage."""
        rule, (place, first) = self.sampling.rule, self.stage_at(step)
        steps = self.stages[place].steps if self.stages else self.sampling.steps
        return rule is None or rule.guides(step - first, steps)

    def still(self, step: int) -> bool:
        """Whether a step's velocity is 0, without a pass: one of the first of its stage, where that is guided."""
        place, first = self.stage_at(step)
        return step - first < self.sampling.zero_steps and not (self.stages and self.stages[place].adapter)

    def adapters_at(self, step: int) -> tuple[tuple[str, float], ...]:
        """The adapters that act at a step, by name."""
        adapter = self.stages[self.stage_at(step)[0]].adapter if self.stages else ""
        return tuple(sorted((*self.adapters, (adapter, 1.0)))) if adapter else self.adapters

    def left(self, step: int) -> float:
        """The share of its step-seconds that is still to come behind so many steps: by pixels, where stages differ."""
        steps = self.sampling.steps
        if not self.stages:
            return (steps - step) / steps if step < steps else 0.0
        each = [stage.spec.pixels for stage in self.stages for _ in range(stage.steps)]
        return sum(each[step:]) / max(1, sum(each))

    @property
    def clip(self) -> VideoSpec:
        """The shape of what is shown of the clip, which `spec` is made as."""
        if (more := self.postprocessing) is None:
            return self.spec
        return VideoSpec(self.spec.width * more.upscale, self.spec.height * more.upscale, more.frames, more.fps)

    @property
    def whole(self) -> VideoSpec:
        """The shape of the file: that of the clip, or of what it extends with the clip behind it, less the joint."""
        if self.extends is None:
            return self.clip
        return replace(self.clip, frames=self.extends.frames + self.clip.frames - 1)

    @property
    def inputs(self) -> tuple[Artifact, ...]:
        """The files that it is made with, each once."""
        first = () if self.image is None else (self.image,)
        return tuple(dict.fromkeys((*first, *(each.artifact for each in self.references))))

    @property
    def bits_mark(self) -> str:
        """What decides the bits beside model, words and sampling: the digest of the masks, and the mark."""
        return ("" if self.masks is None else self.masks.digest) + self.mark

    @property
    def loras(self) -> tuple[tuple[str, float], ...]:
        """The adapters that act, as people know them: names and strengths."""
        names = {upload.mark: upload.name for upload in self.uploads}
        return tuple((names.get(name, name), strength) for name, strength in self.adapters)

    @property
    def adapters_mark(self) -> str | list[list[str | float]]:
        """The adapters as digests and records have them: none, or one at full strength, is a name, as it always was."""
        if len(self.adapters) < 2 and all(strength == 1.0 for _, strength in self.adapters):
            return "".join(name for name, _ in self.adapters)
        return [[name, float(strength)] for name, strength in self.adapters]
