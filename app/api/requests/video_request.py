"""What was asked of a video, checked by its schema, comes in; a well-formed VideoRequest or prompt goes out."""

from __future__ import annotations

import re
from typing import TypeVar

from pydantic import ValidationError

from app.api.problems import sentence
from app.api.requests.fields import Fields, settled, unknown, without_effect
from app.api.requests.form_values import NUMBER, TRUTHS, typed
from app.api.requests.lora_fields import LoraWish, with_strength
from app.api.requests.schemas import CreateVideo, RemixVideo
from app.api.requests.seed_values import BAD_SEED
from app.api.requests.strict import Strict
from app.api.requests.wish_fields import CacheWish, PrepareWish, WebhookWish, wished_picture
from app.errors import InvalidRequest
from app.jobs.admission_limits import MOST_AFTER
from app.types import NORMAL, OFF, ON, WEBHOOK_EVENTS, CacheMode, VideoRequest, Webhook, Wishes

MOST_SECONDS = 3600.0
_SIZE = re.compile(r"([0-9]{1,5})[xX]([0-9]{1,5})")
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
        ar_step=asked.ar_step,
        causal_block_size=asked.causal_block_size,
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


def remix_request(fields: Fields, max_prompt_chars: int) -> VideoRequest:
    """What a remix is asked for with; all else is as in its source. Raises InvalidRequest."""
    asked = validated(RemixVideo, settled(fields, RemixVideo.model_fields, {}))
    wishes = Wishes(priority=asked.priority or NORMAL, preview=bool(asked.preview))
    return VideoRequest(prompt=_prompt(asked.prompt, max_prompt_chars), seed=asked.seed, wishes=wishes)


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
