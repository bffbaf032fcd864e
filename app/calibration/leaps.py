"""A full run comes in, the masks of least expected error for every budget at once go out: dynamic programming.

Source: Watson et al., "Learning to Efficiently Sample from Diffusion Probabilistic Models", arXiv 2106.03802: where the
loss of a walk is a sum over its leaps, the best walk of every length is found in one table. There a leap costs what it
adds to the likelihood's bound; here the squared distance to the full run that it makes, by what the denoiser said on
the full run, times the growth of an error from there to the end. No forward is run for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.types import Masks
from app.types.masks import LEAP, LINEAR

HOLD = 0
WAYS = {"euler": (HOLD, LINEAR), "unipc": (LEAP,)}
"""Sampler -> the orders of forecast that are searched."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Walked:
    """What a full run left behind: `products` are the mean products of its latents and clean guesses with each other.

    Rows and columns are the steps + 1 latents, then the `steps` clean guesses.
    """

    sigmas: tuple[float, ...]
    products: Array
    growth: Sequence[float]

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1


@torch.inference_mode()
def walked(
    sigmas: tuple[float, ...], path: Sequence[torch.Tensor], velocities: Sequence[torch.Tensor], growth: Sequence[float]
) -> Walked:
    """From latents (steps + 1) and velocities (steps), of one shape each, and the growth of errors at each step."""
    clean = [latent - sigma * velocity for latent, sigma, velocity in zip(path, sigmas, velocities, strict=False)]
    rows = torch.stack([each.flatten() for each in (*path, *clean)]).double()
    return Walked(sigmas, (rows @ rows.T / rows.shape[1]).numpy(), growth)


def best_masks(run: Walked, order: int) -> dict[int, tuple[Masks, float]]:
    """Budget -> its masks and their expected error, for every budget below the steps; the first step always runs."""
    leaps = _leaps(run, order)  # [older, here, following], older == here: there is none
    steps = run.steps
    costs: Array = np.full((steps, steps), math.inf)  # [here, older]
    costs[0, 0] = 0.0
    came: list[NDArray[np.intp]] = []
    found = {}
    for budget in range(1, steps):
        ends = costs + leaps[:, :, steps].T
        here, older = (int(place) for place in np.unravel_index(np.argmin(ends), ends.shape))
        found[budget] = (_masks(steps, here, older, came, order), float(ends[here, older]))
        options = costs.T[:, :, None] + leaps[:, :, :steps]  # [older, here, following]
        came.append(options.argmin(axis=0).T)  # [following, here] -> older
        costs = options.min(axis=0).T
    return found


def _masks(steps: int, here: int, older: int, came: Sequence[NDArray[np.intp]], order: int) -> Masks:
    places = [here]
    for table in reversed(came):
        places.append(older)
        here, older = older, int(table[here, older])
    run = tuple(step in set(places) for step in range(steps))
    return Masks(run, run, order)


def _leaps(run: Walked, order: int) -> Array:
    """What a leap costs, [older, here, following]; infinite where there is none."""
    steps = run.steps
    table: Array = np.full((steps, steps, steps + 1), math.inf)
    for here in range(steps):
        for older in [here] if here == 0 else range(here):
            for following in range(here + 1, steps + 1):
                away = _away(run, older, here, following, order)
                grown = run.growth[min(following, steps) - 1]
                table[older, here, following] = max(0.0, float(away @ run.products @ away)) * grown
    return table


def _away(run: Walked, older: int, here: int, following: int, order: int) -> Array:
    """Where a leap ends, less the full run's latent there, as weights on its latents and clean guesses."""
    weights = _by_unipc(run, older, here, following) if order == LEAP else _by_euler(run, older, here, following, order)
    weights[following] -= 1.0
    return weights


def _by_euler(run: Walked, older: int, here: int, following: int, order: int) -> Array:
    """v = (latent - clean) / sigma, held from `here` on or along the line through `older`'s."""
    sigmas, weights = run.sigmas, np.zeros(len(run.products))
    held, bent = sigmas[following] - sigmas[here], 0.0
    if order == LINEAR and older != here:
        strides = [(sigmas[m + 1] - sigmas[m]) * (sigmas[m] - sigmas[here]) for m in range(here, following)]
        bent = sum(strides) / (sigmas[here] - sigmas[older])
    weights[here] = 1.0
    for place, much in ((here, held + bent), (older, -bent)):
        weights[place] += much / sigmas[place]
        weights[run.steps + 1 + place] -= much / sigmas[place]
    return weights


def _by_unipc(run: Walked, older: int, here: int, following: int) -> Array:
    """UniPC's predictor of order 2, of order 1 at both ends of the walk, on clean guesses."""
    sigmas, weights = run.sigmas, np.zeros(len(run.products))
    guess = run.steps + 1
    now, ahead = _log_snr(sigmas[here]), _log_snr(sigmas[following])
    pull = (1 - sigmas[following]) * math.expm1(now - ahead)
    weights[here] = sigmas[following] / sigmas[here]
    weights[guess + here] = -pull
    if older != here and following < run.steps:
        reach = (_log_snr(sigmas[older]) - now) / (ahead - now)
        weights[guess + older] -= pull * 0.5 / reach
        weights[guess + here] += pull * 0.5 / reach
    return weights


def _log_snr(sigma: float) -> float:
    return math.inf if sigma == 0 else math.log((1 - sigma) / sigma)
