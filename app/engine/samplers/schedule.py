"""What every sampler gives first: the noise levels of a walk, and the timesteps that the denoiser hears at them."""

from __future__ import annotations

from dataclasses import dataclass

TRAINED_STEPS = 1000  # timesteps are sigma times this


@dataclass(frozen=True, slots=True)
class Schedule:
    """`steps` noise levels and a final 0, falling, and the timestep (0..1000) at each level but the last."""

    sigmas: tuple[float, ...]  # steps + 1, float32 values
    timesteps: tuple[float, ...]  # steps
