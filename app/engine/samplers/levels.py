"""The noise levels that a family walks by its own rule, for Euler's steps; the standard is diffusers, to the bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.samplers.schedule import TRAINED_STEPS, Schedule
from app.errors import InvalidRequest

_NOT_WALKED = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "invert_sigmas", "stochastic_sampling")


@dataclass(frozen=True, slots=True)
class Bend:
    """How even levels are bent: by the plan's shift, or, `by_tokens`, the more the more tokens a latent has.

    Source of the latter: Esser et al., "Scaling Rectified Flow Transformers", arXiv 2403.03206, section 5.3.2.
    """

    by_tokens: bool = False
    few: int = 256  # tokens
    many: int = 4096
    at_few: float = 0.5  # the shift's logarithm there
    at_many: float = 1.15
    lowest: float | None = None  # the last level before 0, to which all are stretched

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Bend:
        """From the configuration of a FlowMatchEulerDiscreteScheduler.

        Raises:
            ValueError: it walks in a way that is not walked here.
        """
        odd = [name for name in _NOT_WALKED if config.get(name)]
        if odd or config.get("time_shift_type", "exponential") != "exponential":
            raise ValueError(f"The model's schedule is not supported: {', '.join(odd) or 'time_shift_type'}.")
        return cls(
            bool(config.get("use_dynamic_shifting")),
            int(config.get("base_image_seq_len") or 256),
            int(config.get("max_image_seq_len") or 4096),
            float(config.get("base_shift") or 0.5),
            float(config.get("max_shift") or 1.15),
            config.get("shift_terminal") or None,
        )

    def bent(self, even: Sequence[float] | NDArray[np.float64], shift: float, tokens: int = 0) -> Schedule:
        """The walk down `even` levels (falling, above 0) of a latent of so many tokens."""
        levels: NDArray[Any] = np.asarray(even).astype(np.float32)
        if self.by_tokens:
            slope = (self.at_many - self.at_few) / (self.many - self.few)
            strength = math.exp(tokens * slope + (self.at_few - slope * self.few))
            levels = strength / (strength + (1 / levels - 1) ** 1.0)
        else:
            levels = shift * levels / (1 + (shift - 1) * levels)
        if self.lowest is not None:
            clean = 1 - levels
            levels = 1 - clean / (clean[-1] / (1 - self.lowest))
        return walked(levels)


def walked(levels: Sequence[float] | NDArray[np.floating[Any]]) -> Schedule:
    """The walk down exactly these levels; each is heard as a thousand times itself."""
    exact = np.asarray(levels).astype(np.float32)
    return Schedule((*exact.tolist(), 0.0), tuple((exact * np.float32(TRAINED_STEPS)).tolist()))


def linear_quadratic(steps: int) -> Schedule:
    """Half the steps down the first 2.5 % of the noise, the others ever faster: LTX-Video from 0.9.5 on."""
    if steps < 2:
        return walked([1.0])
    slow, threshold = steps // 2, 0.025
    rest = steps - slow
    left = slow - threshold * steps
    bend = left / (slow * rest**2)
    slope = threshold / slow - 2 * left / rest**2
    gone = [place * threshold / slow for place in range(slow)]
    gone += [bend * place**2 + slope * place + bend * slow**2 for place in range(slow, steps)]
    levels = np.array([1.0 - each for each in gone], np.float32)
    timesteps = levels * np.float32(TRAINED_STEPS)  # diffusers goes by these, and divides them again
    return Schedule((*(timesteps / TRAINED_STEPS).tolist(), 0.0), tuple(timesteps.tolist()))


def picked(ladder: Sequence[float], steps: int) -> Schedule:
    """The walk down a distilled model's own levels; fewer steps leave levels out, evenly, never the first.

    Raises:
        InvalidRequest: more steps than there are levels.
    """
    if steps > len(ladder):
        raise InvalidRequest(f"This model takes at most {len(ladder)} steps.", "num_inference_steps")
    places = [round(step * len(ladder) / steps) for step in range(steps)]
    return walked([ladder[place] for place in places])
