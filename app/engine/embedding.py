"""Embeddings as they travel: arrays by name outside the engine, where caches keep them; tensors within."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.denoiser import EncodePrompts, TextEmbedding

Embedding: TypeAlias = dict[str, NDArray[np.float32]]
"""What a `TextEmbedding` holds, as arrays."""


def as_tensors(embedding: Embedding) -> TextEmbedding:
    """A copy as tensors."""
    return {name: torch.tensor(array) for name, array in embedding.items()}


def embedder(encode: EncodePrompts) -> Callable[[Sequence[str]], list[Embedding]]:
    """Text encoders by themselves, as whoever is asked from afar calls them."""

    @torch.inference_mode()
    def embed(prompts: Sequence[str]) -> list[Embedding]:
        return [as_arrays({name: part.float().cpu() for name, part in each.items()}) for each in encode(prompts)]

    return embed


def as_arrays(embedding: TextEmbedding) -> Embedding:
    """The same memory as arrays."""
    return {name: tensor.numpy() for name, tensor in embedding.items()}
