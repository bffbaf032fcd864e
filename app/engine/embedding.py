"""Embeddings as they travel: arrays by name outside the engine, where caches keep them; tensors within."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.denoiser import Heard

Embedding: TypeAlias = dict[str, NDArray[np.float32]]
"""What `Heard` holds, as arrays."""


def heard_in(embedding: Embedding) -> Heard:
    """A copy as tensors."""
    return {name: torch.tensor(array) for name, array in embedding.items()}


def embedder(listen: Callable[[Sequence[str]], list[Heard]]) -> Callable[[Sequence[str]], list[Embedding]]:
    """Text encoders by themselves, as whoever is asked from afar calls them."""

    @torch.inference_mode()
    def embed(prompts: Sequence[str]) -> list[Embedding]:
        return [told({name: part.float().cpu() for name, part in heard.items()}) for heard in listen(prompts)]

    return embed


def told(heard: Heard) -> Embedding:
    """The same memory as arrays."""
    return {name: tensor.numpy() for name, tensor in heard.items()}
