"""What may be asked of a picture: a request's fields come in, a well-formed wish for one or several goes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from app.api.requests.fields import ALIASES, Fields, settled, without_effect
from app.api.requests.lora_fields import Loras
from app.api.requests.seed_values import Seed
from app.api.requests.strict import Strict
from app.api.requests.video_request import validated, video_request
from app.api.requests.wish_fields import CacheWish
from app.plan.guidance import LEAST_GUIDANCE, MOST_GUIDANCE
from app.plan.tiers import MOST_STEPS
from app.types import VideoRequest

MOST_AT_ONCE: Final = 10

_QUALITIES: Final = {"low": "preview", "medium": "standard", "high": "premium", "hd": "premium"}
"""OpenAI's words for what are tiers here; a tier's own name is understood, too."""

IMAGE_ALIASES: Final = {
    name: own for name, own in ALIASES.items() if own not in ("num_frames", "num_outputs_per_prompt", "seconds")
}
_OWN: Final = ("n", "response_format", "output_format", "background")


class CreateImage(Strict):
    """A picture to make, or several. The object `extra_body` may hold any of these fields too."""

    prompt: str = Field(description="What the picture should show")
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="See /v1/models; without it the first that makes pictures"
    )
    n: int | None = Field(None, ge=1, le=MOST_AT_ONCE, description="How many, each from a seed of its own")
    size: str | None = Field(None, description="WIDTHxHEIGHT, or auto")
    response_format: Literal["b64_json", "url"] | None = Field(
        None, description="b64_json, if not given; url: where the file is, asked for with the same key"
    )
    output_format: Literal["png", "jpeg", "webp"] | None = Field(None, description="png, if not given")
    background: Literal["auto", "opaque"] | None = Field(None, description="Pictures are opaque")
    tier: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = Field(
        None, description="Also `quality`: low, medium, high, hd, auto, or a tier's name"
    )
    negative_prompt: str | None = Field(None, description="What it should not show")
    seed: Seed = Field(None, description="Of the first; the others count up. Otherwise as a video's: -1 to 2^63-1")
    num_inference_steps: int | None = Field(
        None, ge=1, le=MOST_STEPS, description="Comes before the tier; also `steps`"
    )
    budget: int | None = Field(None, ge=1, le=MOST_STEPS, description="Of the steps, how many run the denoiser")
    guidance_scale: float | None = Field(
        None, ge=LEAST_GUIDANCE, le=MOST_GUIDANCE, description="How closely to follow the prompt; 1: freely"
    )
    sampler: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = Field(
        None, description="One of the model's, see /v1/models"
    )
    loras: Loras | None = Field(
        None, description="LoRA adapters of the model, several at once; also `lora` for one, `lora_name` by name alone"
    )
    lora_strength: float | None = Field(
        None, ge=-4, le=4, description="Of the one that `lora_name` names; also `lora_scale` and `lora_weight`"
    )
    flow_shift: float | None = Field(None, ge=0.1, le=100, description="Of the noise schedule; also `shift`")
    aspect_ratio: str | None = Field(
        None, max_length=40, description="Such as 16:9, with or without `resolution`, instead of size; also `ratio`"
    )
    resolution: int | Annotated[str, StringConstraints(max_length=40)] | None = Field(
        None, description="The shorter side, such as 720p, instead of size"
    )
    upscale: Literal[1, 2, 4] | None = Field(None, description="Enlarge it so many times; 1, if not given")
    deterministic: bool | None = Field(None, description="The same bits in whatever company")
    enhance: bool | None = Field(None, description="Expand the prompt; the answer has what became of it")
    cache: CacheWish | None = Field(None, description="What the caches may do")
    priority: Literal["low", "normal", "high"] | None = Field(None, description="normal, if not given")
    deadline_s: float | None = Field(None, gt=0, le=7 * 86400.0, description="Give it up when it is not done by then")
    user: Annotated[str, StringConstraints(max_length=256)] | None = Field(None, description="Your own end user's name")


@dataclass(frozen=True, slots=True)
class ImageWish:
    """One request of a picture, how many of it, and how they are handed over."""

    request: VideoRequest  # of one frame
    n: int
    encoded: bool  # in the answer itself, as base64; else an address
    form: str  # png, jpeg or webp


def image_wish(fields: Fields, max_prompt_chars: int) -> ImageWish:
    """The wish in those fields.

    Raises:
        UnsupportedParameter: a field that this server cannot honour.
        InvalidRequest: anything else that is wrong; `param` names the field.
    """
    names = settled(fields, CreateImage.model_fields, IMAGE_ALIASES)
    asked = validated(CreateImage, names)
    as_video: dict[str, object] = asked.model_dump(exclude_none=True, exclude=set(_OWN))
    as_video["num_frames"] = 1
    if asked.size is not None and asked.size.strip().lower() == "auto":
        del as_video["size"]
    if asked.tier is not None:
        as_video["tier"] = _QUALITIES.get(asked.tier.lower(), asked.tier)
    request = replace(video_request(Fields(as_video), max_prompt_chars), warnings=without_effect(fields))
    return ImageWish(request, asked.n or 1, asked.response_format != "url", asked.output_format or "png")
