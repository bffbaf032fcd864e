"""Training data in pools: freshly drawn clips as whitened latents with their encoded prompts, made anew from a seed."""

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from app.embedded.autoencoder import ShapesAutoencoder
from app.embedded.precision import autocast
from app.embedded.text import TextEncoder
from app.embedded.training.fit import to_float
from app.embedded.training.recipe import Recipe
from app.embedded.training.tutor import Facts, facts_of
from app.embedded.world.prompts import describe
from app.embedded.world.scenes import Mix, draw_asks, place
from app.embedded.world.world import render

_CHUNK = 64
_ENCODE = 8  # clips encoded at a time: few enough to stay in the processor's cache


@dataclass(frozen=True)
class Pool:
    """Clips that training draws its batches from for a while."""

    latents: Tensor  # bfloat16 (n, z, F, H, W), whitened
    texts: Tensor  # bfloat16 (n, 48, 384)
    facts: Facts
    loose: int = 0  # so many clips at the end have places off the lattice: only for batches with a picture

    def batch(self, size: int, generator: torch.Generator, pictures: bool = False) -> tuple[Tensor, Tensor, Facts]:
        """Latents (size, z, F, H, W) and texts (size, 48, 384), float32, and facts of clips drawn by lot."""
        count = len(self.latents) if pictures else len(self.latents) - self.loose
        chosen = torch.randint(count, (size,), generator=generator)
        return self.latents[chosen].float(), self.texts[chosen].float(), self.facts.take(chosen)


@torch.no_grad()
def make_pool(autoencoder: ShapesAutoencoder, text_encoder: TextEncoder, recipe: Recipe, count: int, seed: int) -> Pool:
    """Draw, render and encode `count` clips; the same seed makes the same pool."""
    rng = Random(seed)
    asks = draw_asks(count, mix_of(recipe), rng)
    loose = round(count * recipe.picture_share * recipe.loose_share)
    scenes = [*place(asks[: count - loose], seed), *place(asks[count - loose :], seed + 1, loose=True)]
    prompts = [describe(said, ground, rng) for ground, said in asks]
    latents = []
    for first in range(0, count, _CHUNK):
        latents += [
            encode_bytes(autoencoder, part)
            for part in torch.split(render(scenes[first : first + _CHUNK], recipe.picture), _ENCODE)
        ]
    return Pool(torch.cat(latents), encode_by_length(text_encoder, prompts), facts_of(scenes), loose)


def mix_of(recipe: Recipe) -> Mix:
    """What a recipe draws: everything that there is in the world."""
    return Mix(recipe.two_share, recipe.related_share, recipe.counted_share, across=True)


@torch.no_grad()
def encode_bytes(autoencoder: ShapesAutoencoder, video: Tensor) -> Tensor:
    """Whitened latents in bfloat16 (n, z, F, H, W) of uint8 video (n, f, h, w, 3)."""
    return autoencoder.whitened(autoencoder.encode(to_float(video))).bfloat16()


def encode_by_length(text_encoder: TextEncoder, prompts: list[str]) -> Tensor:
    """Token vectors (n, 48, 384) in bfloat16; prompts of about one length go together, which saves padding."""
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    encoded = torch.empty(len(prompts), 48, 384, dtype=torch.bfloat16)
    for first in range(0, len(order), _CHUNK):
        chosen = order[first : first + _CHUNK]
        with autocast(torch.device("cpu")):
            encoded[chosen] = text_encoder.tokens([prompts[index] for index in chosen]).bfloat16()
    return encoded
