"""The latents of a job that has several, as of a video and its sound: end to end in one vector, each by its name.

Samplers, forecasts and guidance go number by number, so that they step such a vector as they step a video's latent;
every modality keeps its own history, its own difference and its own sampler's memory in its stretch of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

VIDEO, AUDIO = "video", "audio"


class Modality(NamedTuple):
    """One of a job's latents. `sigmas`: its own noise levels, as many as the job's; empty: it walks the job's."""

    name: str
    shape: tuple[int, ...]
    sigmas: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def joined(parts: Mapping[str, torch.Tensor], modalities: Sequence[Modality]) -> torch.Tensor:
    """Latents by name, (..., *shape) each, end to end: (..., N)."""
    return torch.cat([parts[each.name].flatten(-len(each.shape)) for each in modalities], dim=-1)


def apart(vector: torch.Tensor, modalities: Sequence[Modality]) -> dict[str, torch.Tensor]:
    """The latents of a vector (..., N) by name, (..., *shape) each; they share its memory."""
    pieces = vector.split_with_sizes([each.size for each in modalities], dim=-1)
    return {
        each.name: piece.reshape(*piece.shape[:-1], *each.shape) for each, piece in zip(modalities, pieces, strict=True)
    }
