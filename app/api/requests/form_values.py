"""A form's texts come in; what they say goes out, as numbers and truths by the names of their fields."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?([0-9]{1,18}\.?[0-9]{0,18}|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})?")
"""A number in decimal digits, as text."""
_INTEGERS = (
    "width",
    "height",
    "num_frames",
    "fps",
    "upscale",
    "num_inference_steps",
    "num_outputs_per_prompt",
    "budget",
    "zero_init_steps",
    "ar_step",
    "causal_block_size",
    "n",
)
_NUMBERS = (
    *("guidance_scale", "guidance_scale_2", "ttl_s", "deadline_s", "flow_shift"),
    *("guidance_start", "guidance_stop"),
    *("lora_strength", "strength", "scale", "weight"),
)
TRUTHS = ("deterministic", "preview", "speculative", "audio", "cfg_zero_star", "enhance", "allow_degrade", "similar")
"""Fields that are true or false."""
_SAID = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def typed(name: str, value: object) -> object:
    """A form's text as the type that its field has; what does not fit stays text and is refused for it."""
    if isinstance(value, dict):
        return {inner: typed(inner, each) for inner, each in value.items()}
    if isinstance(value, list):
        return [typed(name, each) for each in value]
    if not isinstance(value, str):
        return value
    text = value.strip()
    if name in _INTEGERS and _WHOLE.fullmatch(text):
        return int(text)
    if name in _NUMBERS and NUMBER.fullmatch(text):
        return float(text)
    if name in TRUTHS:
        return _SAID.get(text.lower(), value)
    return value
