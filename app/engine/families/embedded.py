"""The built-in model as a denoiser: its weights read, put on the device there is, and stepped exactly as Wan is."""

from __future__ import annotations

import os

import torch

from app.embedded.load import load
from app.engine.families.wan import WanDenoiser

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def load_denoiser(dtype: str, threads: int | None = None) -> WanDenoiser:
    """The built-in model in `dtype`, on a GPU where torch sees one; `threads` limits torch on a CPU."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        # Ray gives a worker as many threads as it has logical CPUs; the model wants all that there are.
        torch.set_num_threads(threads or os.cpu_count() or 1)
    model = load(_DTYPES[dtype])
    return WanDenoiser(model.transformer.to(device), model.autoencoder.to(device), model.text_encoder.tokens)
