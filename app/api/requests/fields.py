"""The names a request may use: a client's fields come in, ours by their one name go out, the rest is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.api.problems import shown
from app.api.requests.picture_values import ONE_ONLY
from app.errors import InvalidRequest, NotSupported, UnsupportedParameter
from app.plan.suggest import did_you_mean
from app.types import PlanWarning

PICTURE: Final = "input_reference"  # a field that may be a file
LAST_PICTURE: Final = "last_frame"
REFERENCE_PICTURES: Final = "reference_images"
REFERENCES: Final = "input_references"
PICTURES: Final = frozenset({PICTURE, LAST_PICTURE, REFERENCE_PICTURES, REFERENCES})
"""The fields that name pictures and videos, and so may be files."""
VIDEO: Final = "video"  # of an extension: the other
MERGED: Final = ("extra_body", "extra_params", "video_params")  # objects whose fields stand beside the others

ALIASES: Final = {
    "frames": "num_frames",
    "steps": "num_inference_steps",
    "n": "num_outputs_per_prompt",
    "prompt_enhance": "enhance",
    "enhance_prompt": "enhance",
    "quality": "tier",
    "quality_tier": "tier",
    **dict.fromkeys(("lora", "lora_name"), "loras"),
    **dict.fromkeys(("lora_scale", "lora_weight"), "lora_strength"),
    **dict.fromkeys(("shift", "sample_shift"), "flow_shift"),
    "ratio": "aspect_ratio",
    **dict.fromkeys(("generate_audio", "generate_sound"), "audio"),
    **dict.fromkeys(("duration", "duration_seconds"), "seconds"),
    **dict.fromkeys(("reference_url", "image_reference", "image_url", "image"), "input_reference"),
    # diffusers and Replicate; Google; MiniMax; DashScope; fal; Kling.
    **dict.fromkeys(("last_image", "lastFrame", "last_frame_image", "last_frame_url"), "last_frame"),
    **dict.fromkeys(("end_image", "end_image_url", "image_tail", "tail_image", "tail_image_url"), "last_frame"),
    **dict.fromkeys(("end_frame", "final_frame", "image_end"), "last_frame"),
    "referenceImages": "reference_images",  # Google
    "frame_images": "input_references",  # OpenRouter
}

MEANINGS: Final = {
    **dict.fromkeys(("duration", "length", "video_length", "duration_s", "duration_seconds", "secs"), "seconds"),
    **dict.fromkeys(("frame_count", "number_of_frames", "video_frames", "total_frames"), "num_frames"),
    **dict.fromkeys(("frame_rate", "framerate", "frames_per_second"), "fps"),
    **dict.fromkeys(("resolution", "aspect_ratio", "dimensions", "ratio"), "size"),
    **dict.fromkeys(("cfg", "cfg_scale", "guidance", "scale", "guidance_strength"), "guidance_scale"),
    **dict.fromkeys(("cfg_zero", "use_cfg_zero", "use_cfg_zero_star", "cfg_star_switch"), "cfg_zero_star"),
    **dict.fromkeys(("cfg_zero_step", "cfg_zero_steps"), "zero_init_steps"),
    **dict.fromkeys(("cfg_start", "guidance_start_percent", "guidance_interval"), "guidance_start"),
    **dict.fromkeys(("cfg_stop", "cfg_end", "guidance_end", "guidance_end_percent"), "guidance_stop"),
    **dict.fromkeys(("num_steps", "sampling_steps", "iterations", "denoising_steps"), "num_inference_steps"),
    **dict.fromkeys(("negative", "neg_prompt", "uc", "avoid", "exclude"), "negative_prompt"),
    **dict.fromkeys(("text", "description", "caption", "input", "instruction"), "prompt"),
    **dict.fromkeys(("scheduler", "solver", "sampling_method", "sample_solver"), "sampler"),
    **dict.fromkeys(("init_image", "first_frame", "start_image", "reference_image", "input_image"), "input_reference"),
    **dict.fromkeys(("callback", "webhook_url", "notify_url", "hook"), "webhook"),
    **dict.fromkeys(("random_seed", "noise_seed", "manual_seed"), "seed"),
    **dict.fromkeys(("timeout", "deadline", "max_wait"), "deadline_s"),
    **dict.fromkeys(("depends_on", "dependencies", "wait_for"), "after"),
    **dict.fromkeys(("user_id", "end_user"), "user"),
    **dict.fromkeys(("num_videos", "count", "num_outputs", "batch_size"), "num_outputs_per_prompt"),
    **dict.fromkeys(("preset", "template"), "style"),
    **dict.fromkeys(("upscaling", "upscale_factor", "super_resolution", "scale_factor", "enlarge"), "upscale"),
    **dict.fromkeys(("interpolation", "frame_interpolation", "interpolation_mode"), "interpolate"),
    **dict.fromkeys(("ttl", "expires_in"), "ttl_s"),
    **dict.fromkeys(("rewrite_prompt", "prompt_extend", "expand_prompt", "prompt_upsampling"), "enhance"),
}
"""Other words for our fields, which are not taken but understood well enough to say which was meant."""

IGNORED: Final = {
    "max_sequence_length": "prompts are encoded whole, as far as the text encoder reads",
    "generator_device": "noise is always drawn on the CPU, so that a seed means the same everywhere",
    "enable_teacache": "how many steps run the denoiser follows from the tier",
    "upscaling_scale": "belongs to enable_upscaling",
    "frame_interpolation_exp": "belongs to enable_frame_interpolation",
    "frame_interpolation_scale": "belongs to enable_frame_interpolation",
    "sound_duration": "sound is as long as its video",
}
"""Accepted without effect, because leaving them out changes nothing that was asked for."""

HARMLESS: Final = {
    "moderation": ("auto", "low"),
    "output_compression": ("100",),
    "partial_images": ("0",),
}
"""Values of names that are refused otherwise, which ask for what happens here anyway."""

_IMAGES = "say in input_references what each picture or video is for; see inputs in /v1/models."
_SOUND = "no sound is taken to begin with; models that make some are those with makes_sound in /v1/models."
_UPSCALING = "ask for upscale, 2 or 4; the model that does it is the server's."
_INTERPOLATION = "ask for fps, and interpolate: flow or model; the model that does it is the server's."
_PATHS = "paths on the server are never read or written; get the file from /v1/videos/{id}/content."
_SCHEDULE = "it is part of the model's profile; use tier, num_inference_steps or guidance_scale."
_STREAM = "an answer is one JSON object; follow a video's events at /v1/videos/{id}/events."
_LATER = "it is not available yet; leave it out."

UNSUPPORTED: Final = {
    **dict.fromkeys(("video_reference", "video_url", "control_reference", "control_type", "character_ids"), _IMAGES),
    **dict.fromkeys(("audio_reference",), _SOUND),
    **dict.fromkeys(("enable_upscaling", "upscaling_model_path"), _UPSCALING),
    **dict.fromkeys(("enable_frame_interpolation", "frame_interpolation_model_path"), _INTERPOLATION),
    **dict.fromkeys(("output_path", "perf_dump_path", "video_path", "image_path", "file_path"), _PATHS),
    **dict.fromkeys(("true_cfg_scale", "boundary_ratio"), _SCHEDULE),
    "diffusers_kwargs": "arguments are not passed on to diffusers; use the named fields.",
    "output_quality": "videos are always stored at one high quality; leave it out.",
    "output_compression": "videos are always stored at one high quality; leave it out.",
    "lora_path": "paths on the server are never read; name one of the model's LoRAs in loras, see /v1/models.",
    "callback_url": "use webhook, an object with a url; or follow /v1/videos/{id}/events.",
    **dict.fromkeys(("stream", "stream_format", "partial_images"), _STREAM),
    "moderation": "prompts are not judged here; leave it out.",
    **dict.fromkeys(("response_format", "background", "session_id"), _LATER),
}
"""Known from other servers and refused, with what to do instead; null, false and empty ones ask for nothing."""

SEVERAL: Final = frozenset(
    {
        *("keyframes", "images", "image_urls", "image_list"),
    }
)
"""Other servers' names for several pictures that do not say what each is for: answered 501, with what to use."""

_UNSUPPORTED_FAMILIES = (("source_", ""), ("", "_noise_mask"))  # beginnings and ends of names, about other pictures


@dataclass(frozen=True, slots=True)
class Fields:
    """A request's fields as they came; `text`: from a form or an address, where every value is text."""

    values: Mapping[str, object]
    text: bool = False


def settled(fields: Fields, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> Fields:
    """The fields by their one name, without nulls; `known` are those names.

    Raises:
        UnsupportedParameter: a field that this server cannot honour.
        InvalidRequest: an unknown name (`unknown_parameter`), or two values for one thing (`conflicting_parameters`).
    """
    names = tuple(known)
    also = ALIASES if aliases is None else aliases
    found: dict[str, object] = {}
    for name, value in _flat(fields.values):
        if not _wanted(name, value, (*names, *also)):
            continue
        own = also.get(name, name)
        if own in found and found[own] != value:
            raise InvalidRequest(f"{name} says something else than {own}.", name, "conflicting_parameters")
        found[own] = value
    return Fields(found, fields.text)


def without_effect(fields: Fields) -> tuple[PlanWarning, ...]:
    """The fields that are taken without effect, for the client to know."""
    names = [name for name, value in _flat(fields.values) if name in IGNORED and not _empty(value)]
    return tuple(PlanWarning("no_effect", f"{name} changes nothing: {IGNORED[name]}.", name) for name in names)


def names_of(fields: Fields) -> tuple[str, ...]:
    """The names as they were sent, those inside merged objects too."""
    inner = [each for name in MERGED for each in _inside(fields.values.get(name))]
    return (*fields.values, *inner)


def _inside(value: object) -> Iterable[str]:
    return map(str, value) if isinstance(value, Mapping) else ()


def unknown(name: str, known: Iterable[str], meanings: Mapping[str, str] = MEANINGS) -> InvalidRequest:
    """The error for a name that nobody knows, with the one that was probably meant."""
    hint = did_you_mean(name, known, meanings)
    return InvalidRequest(f"There is no parameter {shown(name)}.{hint}", name[:80], "unknown_parameter")


def _flat(values: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    """All fields, those inside merged objects too."""
    for name, value in values.items():
        if name not in MERGED:
            yield name, value
        elif value is None:
            continue
        elif isinstance(value, Mapping):
            yield from ((str(inner), each) for inner, each in value.items())
        else:
            raise InvalidRequest(f"{name} must be an object.", name)


def _wanted(name: str, value: object, known: tuple[str, ...]) -> bool:
    """Whether the field asks for something."""
    if name in known:
        return value is not None
    if name in IGNORED:
        return False
    if name in SEVERAL:
        if _empty(value):
            return False
        raise NotSupported(f"{name} is not supported: {ONE_ONLY}.", name)
    reason = UNSUPPORTED.get(name)
    if reason is None and any(name.startswith(head) and name.endswith(tail) for head, tail in _UNSUPPORTED_FAMILIES):
        reason = _IMAGES
    if reason is None:
        raise unknown(name, known)
    if _empty(value) or str(value).strip().lower() in HARMLESS.get(name, ()):
        return False
    raise UnsupportedParameter(f"{name} is not supported: {reason}", name)


def _empty(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("", "false", "null", "none")
    return value is None or value is False or value == [] or value == {}
