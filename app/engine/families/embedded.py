"""The built-in model as a denoiser: its weights read, put on the device there is, and stepped exactly as Wan is."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch

from app.embedded.load import load
from app.embedded.profile import profile
from app.engine.families.placement import Parts, place, precision
from app.engine.families.wan import WanDenoiser
from app.engine.presets import Placement
from app.types import ModelProfile

CALIBRATION_PROMPTS = (
    "a red ball moves to the right on a black background",
    "a tiny white square falls on a dark green field",
    "a yellow star spins on a navy backdrop",
    "a pink disc bounces up and down on a sky blue background",
    "an orange box stands still on a gray background",
    "a huge crimson triangle shrinks on a sand background",
    "a green ring rises while a white ball orbits over a night blue background",
    "a red circle moves right and a blue square grows on a light blue canvas",
)


def load_denoiser(
    dtype: str, threads: int | None = None, placement: Placement | None = None, mag_ratios: Sequence[float] = ()
) -> WanDenoiser:
    """The built-in model laid out so, or plainly in `dtype`, on a GPU where torch sees one.

    `threads` limits torch on a CPU.
    """
    placement = placement or Placement(dtype=dtype)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        # Ray gives a worker as many threads as it has logical CPUs; the model wants all that there are.
        torch.set_num_threads(threads or os.cpu_count() or 1)
    model = load(precision(placement, device))
    parts = Parts(model.transformer, model.autoencoder, model.text_encoder.tokens)
    place(parts, placement, device)
    return WanDenoiser(parts.transformer, parts.autoencoder, parts.encode, device, mag_ratios)


def built_in_profile() -> ModelProfile:
    """What the built-in model can make. Raises FileNotFoundError when its weights are not there."""
    return profile()
