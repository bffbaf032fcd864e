"""The built-in model as a denoiser: its weights read, put on the device there is, and stepped exactly as Wan is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict

import torch

from app.embedded.load import read_autoencoder, read_transformer
from app.embedded.profile import WEIGHTS, profile
from app.embedded.text import TextEncoder
from app.engine.denoiser import TOKENS
from app.engine.families.loading.placement import Parts, place, precision
from app.engine.families.loading.reader import Listen
from app.engine.families.parallel.ranks import Ranks
from app.engine.families.wan.denoiser import WanDenoiser
from app.engine.families.wan.load import tokens_of
from app.settings.placement import Parallel, Placement
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
    dtype: str,
    threads: int | None = None,
    placement: Placement | None = None,
    mag_ratios: Sequence[float] = (),
    parallel: Parallel | None = None,
    listen: Listen | None = None,
) -> WanDenoiser:
    """The built-in model laid out so, or plainly in `dtype`, on a GPU where torch sees one.

    `listen` takes the place of the model's own text encoder, which is then not loaded. `threads` limits torch on a CPU.
    With `parallel` each forward is shared with other ranks, which are started here.
    """
    placement, parallel = placement or Placement(dtype=dtype), parallel or Parallel()
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cpu":
        # Ray gives a worker as many threads as it has logical CPUs; the model wants all that there are.
        torch.set_num_threads(max(1, (threads or os.cpu_count() or 1) // parallel.ranks))
    ranks = Ranks(parallel, {"kind": "built-in", "placement": asdict(placement)}) if parallel.ranks > 1 else None
    parts = load_parts(placement, device, listen)
    transformer = parts.transformer if ranks is None else ranks.lead(parts.transformer, parallel)
    return WanDenoiser(transformer, parts.autoencoder, parts.encode, device, mag_ratios)


def load_parts(placement: Placement, device: torch.device, listen: Listen | None = None) -> Parts:
    """What the denoiser is made of, laid out on the device."""
    dtype, weights = precision(placement, device), WEIGHTS
    transformer = read_transformer(weights / "transformer", dtype)
    autoencoder = read_autoencoder(weights / "autoencoder", dtype)
    encode = TextEncoder.load().tokens if listen is None else tokens_of(listen)
    parts = Parts(transformer, autoencoder, encode)
    place(parts, placement, device)
    return parts


def load_encoder(threads: int | None = None) -> Listen:
    """The built-in model's text encoder by itself: prompts to what the denoiser hears, on the CPU."""
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if threads and device.type == "cpu":
        torch.set_num_threads(threads)
    encoder = TextEncoder.load()
    encoder.bert.to(device)
    return lambda prompts: [{TOKENS: tokens} for tokens in encoder.tokens(prompts).float().cpu()]


def built_in_profile() -> ModelProfile:
    """What the built-in model can make. Raises FileNotFoundError when its weights are not there."""
    return profile()
