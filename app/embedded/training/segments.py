"""What a student learns from: examples of how the guided teacher crosses each of the few segments of the noise.

A segment lies between two of the student's noise levels; the student crosses it in one evaluation. Two methods make
examples: `crossings` follows the teacher through whole segments, from noise, and at times from where the student itself
came out; `neighbours` compares the student with itself one short step of the teacher further on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from app.embedded.model import CleanWanTransformer

Velocity = Callable[[Tensor, float], Tensor]
"""From latents (b, z, F, H, W) at one level to their velocities."""


@dataclass(frozen=True)
class Segments:
    """The student's levels, from 1 to above 0, and in how many short steps the teacher crosses what lies below each."""

    levels: tuple[float, ...]
    strides: tuple[int, ...]
    shift: float

    def __post_init__(self) -> None:
        falling = all(a > b for a, b in pairwise((*self.levels, 0.0)))
        if not falling or self.levels[:1] != (1.0,) or len(self.strides) != len(self.levels) or min(self.strides) < 1:
            raise ValueError(f"levels {self.levels}, strides {self.strides}")

    def end(self, segment: int) -> float:
        """The level that a segment leads down to."""
        return (*self.levels, 0.0)[segment + 1]

    def walk(self, segment: int) -> list[float]:
        """The levels of the teacher's short steps through a segment, both ends with them, even before the shift."""
        first, last = (self._even(level) for level in (self.levels[segment], self.end(segment)))
        count = self.strides[segment]
        even = [first + (last - first) * place / count for place in range(count + 1)]
        inner = [self.shift * t / (1 + (self.shift - 1) * t) for t in even[1:-1]]
        return [self.levels[segment], *inner, self.end(segment)]

    def _even(self, level: float) -> float:
        return level / (self.shift - (self.shift - 1) * level)


@dataclass(frozen=True)
class Examples:
    """Latents (n, z, F, H, W) at levels (n,) of segments that end at `ends` (n,), and where they come out there."""

    latents: Tensor
    outs: Tensor
    levels: Tensor
    ends: Tensor
    texts: Tensor  # bfloat16 (n, 48, 384)

    def take(self, chosen: Tensor) -> "Examples":
        """Those at the places in `chosen`."""
        return Examples(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def half(self) -> "Examples":
        """The same with latents in bfloat16, to keep many."""
        return Examples(self.latents.bfloat16(), self.outs.bfloat16(), self.levels, self.ends, self.texts)


def guided(model: CleanWanTransformer, text: Tensor, empty: Tensor, guidance: float) -> Velocity:
    """The teacher's velocity for `text` (b, 48, 384), led away from that of the `empty` prompt (1, 48, 384)."""
    both = torch.cat([text, empty.expand(len(text), -1, -1)])

    def velocity(latents: Tensor, level: float) -> Tensor:
        timestep = torch.full((len(both),), 1000 * level)
        asked, free = model(latents.repeat(2, 1, 1, 1, 1), timestep, both, return_dict=False)[0].float().chunk(2)
        led: Tensor = free + guidance * (asked - free)
        return led

    return velocity


def plain(model: CleanWanTransformer, text: Tensor) -> Velocity:
    """The student's velocity for `text` (b, 48, 384): one evaluation, no guidance."""

    def velocity(latents: Tensor, level: float) -> Tensor:
        out: Tensor = model(latents, torch.full((len(text),), 1000 * level), text, return_dict=False)[0].float()
        return out

    return velocity


def walked(velocity: Velocity, latents: Tensor, levels: Sequence[float]) -> Tensor:
    """Latents after Euler's steps down the levels."""
    for level, following in pairwise(levels):
        latents = latents + (following - level) * velocity(latents, level)
    return latents


@torch.no_grad()
def crossings(
    segments: Segments,
    teacher: Velocity,
    student: Velocity,
    noise: Tensor,
    text: Tensor,
    own: float,
    lots: torch.Generator,
) -> Examples:
    """One example of each segment for each noise (b, z, F, H, W): in where the walk stands, out where the teacher goes.

    The walk goes on from the teacher's way out or, by lot with chance `own`, from the student's, so that it learns to
    mend its own errors. Progressive distillation (Salimans and Ho, "Progressive Distillation for Fast Sampling of
    Diffusion Models", 2022) in one stage, on states as in DAgger (Ross et al., 2011).
    """
    latents, parts = noise, []
    for segment, level in enumerate(segments.levels):
        outs = walked(teacher, latents, segments.walk(segment))
        parts.append((latents, outs, level, segments.end(segment)))
        mine = torch.rand(len(noise), generator=lots) < own
        if segment + 1 < len(segments.levels) and bool(mine.any()):
            theirs = walked(student, latents, (level, segments.end(segment)))
            outs = torch.where(mine.view(-1, 1, 1, 1, 1), theirs, outs)
        latents = outs
    count = len(noise)
    return Examples(
        torch.cat([part[0] for part in parts]),
        torch.cat([part[1] for part in parts]),
        torch.tensor([part[2] for part in parts]).repeat_interleave(count),
        torch.tensor([part[3] for part in parts]).repeat_interleave(count),
        text.bfloat16().repeat(len(parts), 1, 1),
    )


@torch.no_grad()
def neighbours(
    segments: Segments,
    teacher: Velocity,
    average: Velocity,
    clean: Tensor,
    text: Tensor,
    segment: int,
    place: int,
    lots: torch.Generator,
) -> Examples:
    """Examples of one short step: clean latents (b, z, F, H, W) noised to it, out where the averaged student goes from
    the step's end.

    Phased consistency with guidance folded in: Wang et al., "Phased Consistency Models", 2024; Luo et al., "Latent
    Consistency Models", 2023.
    """
    walk, end = segments.walk(segment), segments.end(segment)
    level, following = walk[place], walk[place + 1]
    noisy = (1 - level) * clean + level * torch.randn(clean.shape, generator=lots)
    outs = walked(teacher, noisy, (level, following))
    if place + 2 < len(walk):
        outs = walked(average, outs, (following, end))
    levels = torch.full((len(clean),), level)
    return Examples(noisy, outs, levels, torch.full_like(levels, end), text.bfloat16())
