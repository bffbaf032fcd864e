"""A VideoRequest comes in; the fields that ask for it over the wire go out: the way back of `video_request`."""

from __future__ import annotations

from typing import Final

from app.types import OFF, VideoRequest

_NAMES: Final = {
    "negative_prompt": "negative_prompt",
    "frames": "num_frames",
    "fps": "fps",
    "interpolate": "interpolate",
    "upscale": "upscale",
    "style": "style",
    "enhance": "enhance",
    "speculative": "speculative",
    "steps": "num_inference_steps",
    "budget": "budget",
    "sampler": "sampler",
    "deterministic": "deterministic",
    "step_cache": "step_cache",
    "guidance": "guidance_scale",
    "guidance_2": "guidance_scale_2",
    "guidance_start": "guidance_start",
    "guidance_stop": "guidance_stop",
    "cfg_zero_star": "cfg_zero_star",
    "zero_init_steps": "zero_init_steps",
    "shift": "flow_shift",
    "ar_step": "ar_step",
    "causal_block_size": "causal_block_size",
}
_MOST_EXACT: Final = 2**53  # what a number can be in JavaScript without losing digits


def spoken(request: VideoRequest) -> dict[str, object]:
    """The body of a POST, without what is left open and without pictures and videos; large seeds are text."""
    body: dict[str, object] = {"prompt": request.prompt, "model": request.model, "quality_tier": request.tier}
    if request.width is not None and request.height is not None:
        body["size"] = f"{request.width}x{request.height}"
    if request.seed is not None:
        body["seed"] = request.seed if request.seed <= _MOST_EXACT else str(request.seed)
    usual = VideoRequest("")
    for field, name in _NAMES.items():
        if (value := getattr(request, field)) != getattr(usual, field):
            body[name] = value
    if request.loras:
        body["loras"] = [{"name": name, "strength": strength} for name, strength in request.loras]
    if request.audio == OFF:
        body["audio"] = False
    return {name: value for name, value in body.items() if value is not None}
