"""What may be asked of a video, as pydantic models: what the API's document shows, and every request is held to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from app.api.requests.lora_fields import Loras
from app.api.requests.reference_fields import SCHEMA as REFERENCES_SCHEMA
from app.api.requests.seed_values import Seed
from app.api.requests.strict import Strict
from app.api.requests.wish_fields import CacheWish, PrepareWish, WebhookWish
from app.jobs.admission_limits import MOST_AFTER
from app.plan.forcing import MOST_AR_STEP, MOST_BLOCK
from app.plan.guidance import LEAST_GUIDANCE, MOST_GUIDANCE
from app.plan.tiers import MOST_STEPS

_Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Pixels = Annotated[int, Field(ge=1, le=16384)]


class CreateVideo(Strict):
    """A video to make. Objects `video_params`, `extra_body` and `extra_params` may hold any of these fields too."""

    prompt: str = Field(description="What the video should show")
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="See /v1/models; without it the server's default"
    )
    negative_prompt: str | None = Field(None, description="What it should not show")
    seconds: int | float | str | None = Field(None, description="Playing time: a number, or a string of one")
    size: str | None = Field(None, description="WIDTHxHEIGHT")
    width: _Pixels | None = Field(None, description="Instead of size")
    height: _Pixels | None = Field(None, description="Instead of size")
    num_frames: int | None = Field(None, ge=1, le=100_000, description="Comes before seconds; also `frames`")
    fps: int | None = Field(
        None, ge=1, le=240, description="Frames per second, up to four times the model's own; see `interpolate`"
    )
    interpolate: Literal["off", "flow", "model"] | None = Field(
        None, description="Frames between those that the model makes; flow where fps is above the model's own, else off"
    )
    upscale: Literal[1, 2, 4] | None = Field(
        None,
        description="Enlarge the pictures so many times; if not given, as the model usually does, or as `size` needs",
    )
    seed: Seed = None
    num_inference_steps: int | None = Field(
        None, ge=1, le=MOST_STEPS, description="Comes before the tier; also `steps`"
    )
    budget: int | None = Field(None, ge=1, le=MOST_STEPS, description="Of the steps, how many run the denoiser")
    sampler: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = Field(
        None, description="euler, unipc or ddim; see /v1/models for the model's"
    )
    deterministic: bool | None = Field(
        None, description="The same bits alone, beside other jobs, paused and resumed; it then shares no forward"
    )
    step_cache: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = Field(
        None, description="first_block, mag or taylorseer: steps are saved by what is seen on the way, without a budget"
    )
    guidance_scale: float | None = Field(
        None, ge=LEAST_GUIDANCE, le=MOST_GUIDANCE, description="How closely to follow the prompt; 1: freely"
    )
    tier: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = Field(
        None, description="auto, preview, standard, premium or ultra; also `quality` and `quality_tier`"
    )
    style: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, description="A style's id, see /v1/styles; what it changes is on the plan"
    )
    enhance: bool | None = Field(None, description="Expand the prompt; both prompts are kept")
    allow_degrade: bool | None = Field(
        None, description="With deadline_s: rather a lower tier than a late video; the reply says what was used"
    )
    num_outputs_per_prompt: int | None = Field(None, ge=1, le=1, description="Must be 1; also `n`")
    user: Annotated[str, StringConstraints(max_length=256)] | None = Field(None, description="Your own end user's name")
    cache: CacheWish | None = Field(None, description="What the caches may do")
    priority: Literal["low", "normal", "high"] | None = Field(None, description="normal, if not given")
    deadline_s: float | None = Field(
        None, gt=0, le=7 * 86400.0, description="Give it up when it is not done so many seconds from now"
    )
    after: _Id | Annotated[list[_Id], Field(max_length=MOST_AFTER)] | None = Field(
        None, description="Ids of your videos that have to be completed first; when one fails, this one does too"
    )
    guidance_scale_2: float | None = Field(
        None, ge=LEAST_GUIDANCE, le=MOST_GUIDANCE, description="The same for a second expert, if there is"
    )
    guidance_start: float | None = Field(
        None, ge=0, le=1, description="Share of the steps from which on there is guidance; a step without takes half"
    )
    guidance_stop: float | None = Field(None, ge=0, le=1, description="Share of the steps behind which there is none")
    cfg_zero_star: bool | None = Field(
        None, description="Guide as CFG-Zero* does: the unconditional pass scaled, and first steps without velocity"
    )
    zero_init_steps: int | None = Field(
        None, ge=0, le=100, description="How many first steps those are; 1, if not given"
    )
    ar_step: int | None = Field(
        None, ge=0, le=MOST_AR_STEP, description="By how many steps each block of latent frames lags behind the last"
    )
    causal_block_size: int | None = Field(
        None, ge=1, le=MOST_BLOCK, description="Latent frames of a block, which sees none behind it; 1: each sees all"
    )
    loras: Loras | None = Field(
        None, description="LoRA adapters of the model, several at once; also `lora` for one, `lora_name` by name alone"
    )
    lora_strength: float | None = Field(
        None, ge=-4, le=4, description="Of the one that `lora_name` names; also `lora_scale` and `lora_weight`"
    )
    flow_shift: float | None = Field(
        None, ge=0.1, le=100, description="Of the noise schedule: higher, more steps at high noise; also `shift`"
    )
    aspect_ratio: str | None = Field(
        None, max_length=40, description="Such as 16:9, with or without `resolution`, instead of size; also `ratio`"
    )
    resolution: int | Annotated[str, StringConstraints(max_length=40)] | None = Field(
        None, description="The shorter side, such as 720p, instead of size"
    )
    input_reference: object = Field(
        None,
        description="A picture to begin with: a file, a data URL, an http URL, "
        "an object with an image_url, or one with the id of an `upload`",
    )
    last_frame: object = Field(
        None, description="A picture to end with, in the same ways; also `last_image`, `end_image`, `image_tail` …"
    )
    reference_images: object = Field(None, description="Pictures of who or what is to be seen, a list of the same")
    input_references: Annotated[object, WithJsonSchema(REFERENCES_SCHEMA)] = Field(
        None, description="All pictures and videos together, each with its role, see `inputs` in /v1/models"
    )
    prepare: PrepareWish | None = Field(None, description="What is done to the picture to begin with first")
    speculative: bool | None = Field(
        None, description="Show a draft of few evaluations first, as `draft` in the events, and go on from it"
    )
    audio: bool | None = Field(
        None,
        description="false: without the sound that the model makes; true: refused of a model that makes none; "
        "also `generate_audio` and `generate_sound`",
    )
    preview: bool | None = Field(None, description="Show the unfinished video in its events every few steps")
    webhook: WebhookWish | None = Field(None, description="Told of the job's end, instead of the server's own URL")


class RemixVideo(Strict):
    """A video like an earlier one, with another prompt, and by Kinoray's own fields with another seed."""

    prompt: str = Field(description="What the new video should show")
    seed: Seed = Field(None, description="Another one than the earlier video's; -1: a fresh one")
    priority: Literal["low", "normal", "high"] | None = Field(None, description="normal, if not given")
    preview: bool | None = Field(None, description="Show the unfinished video in its events every few steps")
