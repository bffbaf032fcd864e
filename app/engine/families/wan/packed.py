"""Wan's forward for videos of different shapes: their tokens in one sequence, each attending to its own video's alone.

What follows its own row (places, noise level, text) is given token by token; all products with weights are one for all
rows. Attention is block-diagonal without a mask: rows of as many tokens share a call, as NaViT packs pictures (Dehghani
et al., arXiv 2307.06304).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import torch
from torch import Tensor, nn

from app.engine.families.diffusers_private import brought_in, hooked, is_split
from app.engine.families.models import Transformer
from app.engine.families.torch_private import is_compiled, listened_to
from app.engine.families.wan.attention import CrossAttention, Layout, SelfAttention, runs_of

Sides = tuple[int, int, int]  # of a latent, in patches


class PackedForward:
    """Runs a text-only Wan transformer's parts on packed rows. `layout`: that of its own processors, if it has them."""

    def __init__(self, transformer: Transformer, layout: Layout | None = None) -> None:
        self._transformer = transformer
        self._own = layout is None
        self._layout = Layout() if layout is None else layout
        self._self = SelfAttention(self._layout)
        self._cross = CrossAttention(self._layout)

    @staticmethod
    def suits(transformer: Transformer | nn.Module) -> bool:
        """Whether the parts can be called one by one: not past hooks, ranks or a compiled forward; and no pictures."""
        blocks = getattr(transformer, "blocks", ())
        if hasattr(transformer, "vace_blocks"):  # which are beside the blocks
            return False
        if not blocks or not hasattr(transformer, "rope") or blocks[0].attn2.add_k_proj is not None:
            return False
        return (
            not is_split(transformer)
            and not listened_to(transformer)
            and not any(hooked(part) or brought_in(part) or is_compiled(part) for part in transformer.modules())
        )

    def run(self, latents: Sequence[Tensor], timesteps: Sequence[Tensor], text: Tensor) -> list[Tensor]:
        """A velocity (C, F', H', W') for each of the rows, whose latents may differ in F', H' and W'.

        `timesteps`: 0..1000, () each, or (N,) where some of a row's tokens have no noise; `text`: (B, T, D). Rows of
        one shape should be neighbours.
        """
        model = self._transformer
        sides = [self._sides(latent) for latent in latents]
        lengths = [frames * height * width for frames, height, width in sides]
        levels = torch.stack([*(each.max() for each in timesteps), timesteps[0].new_zeros(())])  # and one without noise
        level, modulation, embedded, _ = model.condition_embedder(levels, text, None)
        row = torch.cat([_level_of(timesteps, at, tokens) for at, tokens in enumerate(lengths)])
        tokens = torch.cat([self._embedded(list(same)) for _, same in groupby(latents, lambda each: each.shape)])[None]
        places = self._places(latents)
        each = modulation.unflatten(1, (6, -1))[row][None]  # (1, N, 6, D)
        with self._attending(lengths):
            for block in model.blocks:
                tokens = block(tokens, embedded, each, places)
        tokens = self._projected(tokens, level[row][None])
        answers = [self._unpacked(part, own) for part, own in zip(torch.split(tokens[0], lengths), sides, strict=True)]
        return self._velocities(latents, timesteps, answers)

    def _sides(self, latent: Tensor) -> Sides:
        frames, height, width = (side // p for side, p in zip(latent.shape[1:], self._patch, strict=True))
        return frames, height, width

    @property
    def _patch(self) -> tuple[int, int, int]:
        frames, height, width = self._transformer.config.patch_size
        return frames, height, width

    def _embedded(self, same: Sequence[Tensor]) -> Tensor:
        """Latents of one shape as tokens (N, D)."""
        found: Tensor = self._transformer.patch_embedding(torch.stack(list(same)))  # (B, D, F, H, W)
        return found.flatten(2).transpose(1, 2).flatten(0, 1)

    def _places(self, latents: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Cosines and sines of all tokens, (1, N, 1, d) each."""
        known = {latent.shape: self._transformer.rope(latent[None]) for latent in latents}
        cos, sin = (torch.cat([known[latent.shape][part] for latent in latents], dim=1) for part in (0, 1))
        return cos, sin

    @contextmanager
    def _attending(self, lengths: Sequence[int]) -> Iterator[None]:
        """Attention in here is each row's own; processors of the model's that know no rows step aside meanwhile."""
        blocks = list(self._transformer.blocks) if self._own else []
        before = [(block.attn1.processor, block.attn2.processor) for block in blocks]
        self._layout.runs = runs_of(lengths)
        try:
            for block in blocks:
                block.attn1.processor, block.attn2.processor = self._self, self._cross
            yield
        finally:
            self._layout.runs = ()
            for block, (own, cross) in zip(blocks, before, strict=True):
                block.attn1.processor, block.attn2.processor = own, cross

    def _projected(self, tokens: Tensor, level: Tensor) -> Tensor:
        """What `WanTransformer3DModel.forward` does after its blocks: (1, N, D) to (1, N, C * patch)."""
        model = self._transformer
        shift, scale = (model.scale_shift_table[None].to(level.device) + level.unsqueeze(2)).unbind(2)
        tokens = (model.norm_out(tokens.float()) * (1 + scale) + shift).type_as(tokens)
        projected: Tensor = model.proj_out(tokens)
        return projected

    def _unpacked(self, tokens: Tensor, sides: Sides) -> Tensor:
        """(N, C * patch) as (C, F', H', W')."""
        cells = tokens.reshape(*sides, *self._patch, -1)
        return cells.permute(6, 0, 3, 1, 4, 2, 5).flatten(5, 6).flatten(3, 4).flatten(1, 2)

    def _velocities(
        self, latents: Sequence[Tensor], timesteps: Sequence[Tensor], answers: Sequence[Tensor]
    ) -> list[Tensor]:
        """The answers, or, of a model that guesses something else, what it makes of them; what is given stays."""
        made = getattr(self._transformer, "velocity", None)
        if made is None:
            return list(answers)
        found = []
        for latent, own, answer in zip(latents, timesteps, answers, strict=True):
            level = own if own.ndim == 0 else self._of_frames(own, latent.shape[1])
            found.append(made(latent, level, answer).where(level > 0, 0))
        return found

    def _of_frames(self, own: Tensor, frames: int) -> Tensor:
        """(1, F', 1, 1) of a row's noise levels (N,), which are alike within a frame."""
        deep = self._patch[0]
        each = own.view(frames // deep, -1)[:, 0]
        return each.repeat_interleave(deep).view(1, -1, 1, 1)


def _level_of(timesteps: Sequence[Tensor], row: int, tokens: int) -> Tensor:
    """Where each token's noise level stands among the rows' levels, the last of which is none, (N,)."""
    own = timesteps[row]
    if own.ndim == 0:
        return torch.full((tokens,), row, device=own.device)
    return torch.where(own > 0, row, len(timesteps))
