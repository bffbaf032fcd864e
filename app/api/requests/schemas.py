"""What may be asked, as pydantic models: a request's fields come in, a well-formed VideoRequest or prompt goes out."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError, WithJsonSchema

from app.api.problems import sentence
from app.api.requests.fields import Fields, settled, unknown, without_effect
from app.api.requests.form_values import NUMBER, TRUTHS, typed
from app.api.requests.lora_fields import Loras, LoraWish, with_strength
from app.api.requests.reference_fields import SCHEMA as REFERENCES_SCHEMA
from app.api.requests.seed_values import BAD_SEED, Seed
from app.api.requests.strict import Strict
from app.api.requests.wish_fields import CacheWish, PrepareWish, WebhookWish, wished_picture
from app.errors import InvalidRequest
from app.jobs.admission_limits import MOST_AFTER
from app.plan.guidance import LEAST_GUIDANCE, MOST_GUIDANCE
from app.plan.tiers import MOST_STEPS
from app.types import NORMAL, OFF, ON, WEBHOOK_EVENTS, CacheMode, VideoRequest, Webhook, Wishes

MOST_SECONDS = 3600.0
_SIZE = re.compile(r"([0-9]{1,5})[xX]([0-9]{1,5})")
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
    """A video like an earlier one, with another prompt."""

    prompt: str = Field(description="What the new video should show")


_BLANK = (
    "seed",
    "size",
    "negative_prompt",
    "user",
    "model",
    "tier",
    "sampler",
    "step_cache",
    "priority",
    "style",
    "after",
    "input_reference",
    "last_frame",
    "reference_images",
    "input_references",
    "loras",
    "prepare",
    "aspect_ratio",
    "resolution",
    "interpolate",
    "upscale",
    *TRUTHS,
)  # where an empty text means the same as nothing

M = TypeVar("M", bound=Strict)


def video_request(fields: Fields, max_prompt_chars: int) -> VideoRequest:
    """The request in those fields.

    Raises:
        UnsupportedParameter: a field that this server cannot honour.
        InvalidRequest: anything else that is wrong; `param` names the field.
    """
    asked = validated(CreateVideo, settled(fields, CreateVideo.model_fields))
    width, height = _shape(asked)
    return VideoRequest(
        prompt=_prompt(asked.prompt, max_prompt_chars),
        model=asked.model,
        negative_prompt=_within(asked.negative_prompt or "", max_prompt_chars, "negative_prompt"),
        width=width,
        height=height,
        seconds=seconds_of(asked.seconds),
        frames=asked.num_frames,
        fps=asked.fps,
        seed=asked.seed,
        steps=asked.num_inference_steps,
        budget=asked.budget,
        guidance=asked.guidance_scale,
        sampler=asked.sampler,
        deterministic=bool(asked.deterministic),
        step_cache=asked.step_cache,
        tier=asked.tier or "auto",
        style=asked.style,
        enhance=bool(asked.enhance),
        allow_degrade=bool(asked.allow_degrade),
        guidance_2=asked.guidance_scale_2,
        loras=with_strength(asked.loras or [], asked.lora_strength),
        shift=asked.flow_shift,
        guidance_start=asked.guidance_start,
        guidance_stop=asked.guidance_stop,
        cfg_zero_star=asked.cfg_zero_star,
        zero_init_steps=asked.zero_init_steps,
        aspect_ratio=asked.aspect_ratio,
        resolution=None if asked.resolution is None else str(asked.resolution),
        prepare=wished_picture(asked.prepare),
        wishes=_wishes(asked),
        warnings=without_effect(fields),
        interpolate=asked.interpolate,
        upscale=asked.upscale,
        speculative=bool(asked.speculative),
        audio=None if asked.audio is None else ON if asked.audio else OFF,
    )


def _wishes(asked: CreateVideo) -> Wishes:
    cache = asked.cache or CacheWish(mode="use", ttl_s=None, similar=False)
    return Wishes(
        cache=CacheMode(cache.mode),
        cache_ttl_s=cache.ttl_s,
        similar=cache.similar,
        priority=asked.priority or NORMAL,
        deadline_s=asked.deadline_s,
        preview=bool(asked.preview),
        user=asked.user,
        webhook=_webhook(asked.webhook),
        after=tuple(dict.fromkeys([asked.after] if isinstance(asked.after, str) else asked.after or ())),
    )


def _webhook(wish: WebhookWish | None) -> Webhook | None:
    if wish is None:
        return None
    return Webhook(wish.url, tuple(dict.fromkeys(wish.events or WEBHOOK_EVENTS)))


def remix_prompt(fields: Fields, max_prompt_chars: int) -> str:
    """The prompt of a remix; it takes no other field. Raises InvalidRequest."""
    asked = validated(RemixVideo, settled(fields, RemixVideo.model_fields, {}))
    return _prompt(asked.prompt, max_prompt_chars)


def validated(model: type[M], fields: Fields) -> M:
    """The fields as that model has them. Raises InvalidRequest."""
    values = {name: value for name, value in fields.values.items() if not (name in _BLANK and value == "")}
    if fields.text:
        values = {name: typed(name, value) for name, value in values.items()}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":  # only nested objects: the others were looked at before
        nested: dict[str, type[Strict]] = {
            "cache": CacheWish,
            "webhook": WebhookWish,
            "loras": LoraWish,
            "prepare": PrepareWish,
        }
        known = nested.get(place[0], CreateVideo).model_fields
        return unknown(place[-1], known)
    if place[:1] == ["seed"]:
        return InvalidRequest(BAD_SEED, "seed")
    if place[:1] == ["after"]:
        return InvalidRequest(f"after must be the id of a video, or a list of at most {MOST_AFTER}.", "after")
    if place[:1] == ["seconds"]:
        return _bad_seconds()
    message, name = sentence(first)
    return InvalidRequest(message, name)


def _prompt(prompt: str, max_chars: int) -> str:
    if not prompt.strip():
        raise InvalidRequest("The prompt is empty: say what the video should show.", "prompt")
    return _within(prompt, max_chars, "prompt")


def _within(text: str, max_chars: int, name: str) -> str:
    if len(text) > max_chars:
        message = f"The {name} has {len(text):,} characters; at most {max_chars:,} are read."
        raise InvalidRequest(message, name, "prompt_too_long")
    return text


def seconds_of(asked: int | float | str | None) -> float | None:
    """A playing time, in any way of writing it; None for nothing. Raises InvalidRequest."""
    if asked is None or asked == "":
        return None
    if isinstance(asked, str):
        asked = asked.strip().removesuffix("s").rstrip()  # 5s
        if not NUMBER.fullmatch(asked):
            raise _bad_seconds()
    seconds = float(asked)
    if not 0.0 < seconds <= MOST_SECONDS:
        raise _bad_seconds()
    return seconds


def _bad_seconds() -> InvalidRequest:
    message = f"seconds must be a number above 0 and up to {MOST_SECONDS:g}, or a string of one."
    return InvalidRequest(message, "seconds")


def _shape(asked: CreateVideo) -> tuple[int | None, int | None]:
    """Width and height by either spelling."""
    if asked.size is None:
        return asked.width, asked.height
    width, height = shape_of(asked.size)
    if asked.width not in (None, width) or asked.height not in (None, height):
        raise InvalidRequest("width and height say something else than size.", "size", "conflicting_parameters")
    return width, height


def shape_of(size: str | None) -> tuple[int | None, int | None]:
    """The width and height of a size, in pixels; None and None without one. Raises InvalidRequest."""
    if size is None:
        return None, None
    found = _SIZE.fullmatch(size.strip())
    if found is None or not all(1 <= int(side) <= 16384 for side in found.groups()):
        raise InvalidRequest("size must be WIDTHxHEIGHT in pixels, such as 128x128.", "size")
    return int(found[1]), int(found[2])
