"""Training data in pools: freshly drawn clips as whitened latents with their encoded prompts, made anew from a seed."""

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from app.embedded.autoencoder import LinearAutoencoder
from app.embedded.fit import to_float
from app.embedded.prompts import describe
from app.embedded.scenes import draw_asks, place
from app.embedded.text import TextEncoder
from app.embedded.world import render

_CHUNK = 64


@dataclass(frozen=True)
class Pool:
    """Clips that training draws its batches from for a while."""

    latents: Tensor  # bfloat16 (n, z, F, H, W), whitened
    texts: Tensor  # bfloat16 (n, 48, 384)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Latents (size, z, F, H, W) and texts (size, 48, 384) of clips drawn by lot, float32."""
        chosen = torch.randint(len(self.latents), (size,), generator=generator)
        return self.latents[chosen].float(), self.texts[chosen].float()


@torch.no_grad()
def make_pool(
    autoencoder: LinearAutoencoder, text_encoder: TextEncoder, picture: int, count: int, two_share: float, seed: int
) -> Pool:
    """Draw, render and encode `count` clips; the same seed makes the same pool."""
    rng = Random(seed)
    asks = draw_asks(count, two_share, rng)
    scenes = place(asks, seed)
    prompts = [describe(said, ground, rng) for ground, said in asks]
    mean, deviation = whitening(autoencoder)
    latents = []
    for first in range(0, count, _CHUNK):
        video = to_float(render(scenes[first : first + _CHUNK], picture))
        latents.append(((autoencoder.encode(video) - mean) / deviation).bfloat16())
    return Pool(torch.cat(latents), encode_by_length(text_encoder, prompts))


def encode_by_length(text_encoder: TextEncoder, prompts: list[str]) -> Tensor:
    """Token vectors (n, 48, 384) in bfloat16; prompts of about one length go together, which saves padding."""
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    encoded = torch.empty(len(prompts), 48, 384, dtype=torch.bfloat16)
    for first in range(0, len(order), _CHUNK):
        chosen = order[first : first + _CHUNK]
        encoded[chosen] = text_encoder.tokens([prompts[index] for index in chosen]).bfloat16()
    return encoded


def whitening(autoencoder: LinearAutoencoder) -> tuple[Tensor, Tensor]:
    """Mean and deviation of raw latents, each (1, z, 1, 1, 1)."""
    mean, deviation = autoencoder.config.latents_mean, autoencoder.config.latents_std
    return torch.tensor(mean).view(1, -1, 1, 1, 1), torch.tensor(deviation).view(1, -1, 1, 1, 1)
