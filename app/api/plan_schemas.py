"""What a plan looks like on the wire, as pydantic models: within a Video, and alone for who only asks for the plan."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.api.prepared_schema import PlannedPicture


class VideoFactor(BaseModel):
    """What one factor adds to the complexity score, and the words that did it."""

    name: str
    score: int
    found: list[str]


class VideoLora(BaseModel):
    """A LoRA adapter that acts on a video."""

    name: str
    strength: float = Field(description="1: as strongly as the server's operator has set it")


class VideoWarning(BaseModel):
    """One thing that is not as asked."""

    code: str = Field(description="unknown_subject, unknown_words, no_effect, rounded …; docs/api.md has them all")
    message: str
    param: str | None = Field(description="The field that it is about")


class KnownWord(BaseModel):
    """Words of the prompt, and what they mean to the model."""

    text: str
    meaning: str = Field(description="Such as: colour red, shape circle, motion right, ground sand")


class Understood(BaseModel):
    """What a model that draws only a few things makes of the prompt."""

    known: list[KnownWord]
    unknown: list[str] = Field(description="Words that mean nothing to it")


class PlannedGuidance(BaseModel):
    """Guidance that is not the same at each step."""

    start: float = Field(description="Share of the steps from which on there is some")
    stop: float = Field(description="Share of the steps behind which there is none")
    cfg_zero_star: bool = Field(description="Whether the two passes are put together as CFG-Zero* does")
    zero_init_steps: int = Field(description="First steps without velocity")


class PlannedDraft(BaseModel):
    """What is shown first, and how far the plan may go on from it."""

    evaluations: int = Field(description="That it takes")
    from_step: int = Field(description="The first step of the plan that is walked behind a kept draft; 0: from noise")
    noise_level: float = Field(description="To which it is noised again, 0 to 1; 1: the plan begins at noise")
    calibrated: bool = Field(description="Whether it was measured how far to go on from it")


class PlannedStage(BaseModel):
    """One of several walks down the noise that a video is made in."""

    size: str
    frames: int
    steps: int


class Optimization(BaseModel):
    """What the planner decided, and why."""

    size_made: str = Field(description="What the model makes, before it is enlarged `upscale` times")
    frames_made: int = Field(description="Of the clip, before others are put between them")
    fps_made: int = Field(description="Frames a second of what the model makes")
    interpolate: str = Field(description="How frames between those made come about: off, flow or model")
    upscale: int = Field(description="Times the sides of what the model makes: 1, 2 or 4")
    complexity_score: int
    complexity: str
    factors: list[VideoFactor]
    tier: str
    asked_tier: str
    steps: int
    budget: int
    sampler: str
    deterministic: bool
    step_cache: str | None
    guidance: float
    weights: str = Field(description="Which weights denoise: own, or student, those distilled to few evaluations")
    draft: PlannedDraft | None = Field(None, description="Where `speculative` was asked for; null: no draft")
    sound: bool = Field(False, description="Whether the file has sound, made with the pictures")
    stages: list[PlannedStage] = Field([], description="The walks that its steps are of; empty: one, of its own shape")
    flow_shift: float = Field(description="Of the noise schedule")
    guidance_rule: PlannedGuidance | None = Field(
        None, description="Where on the walk there is guidance, and in which way; null: at each step, as usual"
    )
    noise_levels: list[float] = Field(
        [], description="A few-step method's own, one for each step; empty: the sampler's"
    )
    loras: list[VideoLora] = Field(description="The LoRA adapters that act")
    evaluations: int = Field(description="Runs of the denoiser")
    fixed_default_steps: int = Field(
        description="Evaluations of the model's own full run, or all the steps that were asked for, if those are more"
    )
    steps_saved_share: float = Field(description="Evaluations that are spared, of that full run, 0 to 1")
    estimated_step_seconds: float
    estimated_seconds: float
    estimated_cost: float = Field(description="Money; 0.0 where no price per device hour is set")
    estimated_device_seconds: float
    estimated_energy_wh: float = Field(description="0.0 where the device's power is not known")
    calibrated: bool = Field(description="The budget comes from a measured table")
    written_prompt: str | None = Field(description="The prompt as it was sent, where a style or enhancement changed it")
    style: str | None
    enhanced: bool
    pool: str
    reasons: list[str]
    understood: Understood | None = Field(description="Null for a model that draws anything")


class PlannedVideo(Optimization):
    """The whole plan that a request would get now."""

    prompt: str
    model: str
    size: str
    frames: int
    fps: int
    seconds: float
    seed: int
    seed_text: str = Field(description="The same as text")
    fixed_default_seconds: float = Field(description="What the same would take in a full run")
    warnings: list[VideoWarning] = Field(description="What would not be as asked")
    prepared: PlannedPicture | None = Field(None, description="Where `prepare` was asked for: what would be done")
