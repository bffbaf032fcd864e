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
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.types import Masks
from app.types.masks import LEAP, LINEAR

HOLD = 0
WAYS = {"euler": (HOLD, LINEAR), "unipc": (LEAP,)}
"""Sampler -> the orders of forecast that are searched, the best first."""
_ASTRAY = 0.1  # of a predicted point's squared distance: what it costs that the denoiser is asked there

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a leap ends: as weights on the points here and before, and on the clean guesses here, before, and there."""

    here: Array
    clean: Array
    before: Array | float = 0.0
    clean_before: Array | float = 0.0
    clean_there: Array | float = 0.0


@dataclass(frozen=True, slots=True)
class Walked:
    """What a full run left behind: `products` are the mean products of its points and clean guesses with each other.

    Rows and columns are the steps + 1 points from which steps are taken (latents, corrected where the sampler corrects
    them), then the steps + 1 latents as they were predicted, then the `steps` clean guesses.
    """

    sigmas: tuple[float, ...]
    products: Array
    growth: Sequence[float]

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1


@torch.inference_mode()
def walked(
    sigmas: tuple[float, ...],
    path: Sequence[torch.Tensor],
    velocities: Sequence[torch.Tensor],
    growth: Sequence[float],
    corrected: Sequence[torch.Tensor] | None = None,
) -> Walked:
    """From latents (steps + 1) and velocities (steps), of one shape each, and the growth of errors at each step.

    `corrected` are the latents (steps + 1) from which a sampler that corrects them went on.
    """
    clean = [latent - sigma * velocity for latent, sigma, velocity in zip(path, sigmas, velocities, strict=False)]
    rows = torch.stack([each.flatten() for each in (*(corrected or path), *path, *clean)]).double()
    return Walked(sigmas, (rows @ rows.T / rows.shape[1]).numpy(), growth)


def best_masks(run: Walked, order: int, enough: float = 0.0) -> dict[int, tuple[Masks, float]]:
    """Budget -> its masks and their expected error, for every budget below the steps; the first step always runs.

    Where an error up to `enough` can be had, of all such masks those that go longest with the full run: they are
    walked for the least.
    """
    leaps = _leaps(run, order)  # [older, here, following], older == here: there is none
    steps = run.steps
    rest = [leaps[:, :, steps]]  # evaluations to come -> [older, here] -> what is lost from there on
    following: list[NDArray[np.intp]] = []
    for _ in range(1, steps):
        options = leaps[:, :, :steps] + rest[-1][None]
        following.append(options.argmin(axis=2))
        rest.append(options.min(axis=2))
    found = {}
    for budget in range(1, steps):
        errors = [float(rest[budget - dense][max(0, dense - 2), dense - 1]) for dense in range(1, budget + 1)]
        limit = max(enough, min(errors))
        dense = max(place for place, error in enumerate(errors, 1) if error <= limit)
        found[budget] = (_masks(steps, budget, dense, following, order), errors[dense - 1])
    return found


def _masks(steps: int, budget: int, dense: int, following: Sequence[NDArray[np.intp]], order: int) -> Masks:
    places = list(range(dense))
    older, here = max(0, dense - 2), dense - 1
    for left in range(budget - dense, 0, -1):
        older, here = here, int(following[left - 1][older, here])
        places.append(here)
    run = tuple(step in set(places) for step in range(steps))
    return Masks(run, run, order)


def _leaps(run: Walked, order: int) -> Array:
    """What a leap costs, [older, here, following]; infinite where there is none."""
    older, here, following = np.ogrid[: run.steps, : run.steps, : run.steps + 1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # in places that are no leaps
        if order == LEAP:
            mended = _apart(run, _unipc_corrected(run, older, here, following), older, here, following, 0)
            astray = _apart(run, _unipc_predicted(run, older, here, following), older, here, following, 1)
            table = np.where(following < run.steps, mended + _ASTRAY * astray, astray)
        else:
            table = _apart(run, _by_euler(run, older, here, following, order), older, here, following, 0)
        grown = np.asarray(run.growth)[np.minimum(following, run.steps) - 1]
        possible = (following > here) & ((older < here) | ((older == 0) & (here == 0)))
        return np.where(possible, np.maximum(table, 0.0) * grown, math.inf)


def _apart(run: Walked, weights: Weights, older: Index, here: Index, following: Index, predicted: int) -> Array:
    """The mean squared distance of where leaps end from the full run's points, or its predicted ones."""
    points = run.steps + 1
    guess = 2 * points
    last = np.minimum(following, run.steps - 1)  # there is no guess at the end, and its weight is 0
    terms: tuple[tuple[Any, Any], ...] = (
        (weights.here, here),
        (weights.before, older),
        (weights.clean, guess + here),
        (weights.clean_before, guess + older),
        (weights.clean_there, guess + last),
        (-1.0, predicted * points + following),
    )
    table: Array = np.zeros((run.steps, run.steps, points))
    for (one, row), (other, column) in product(terms, repeat=2):
        table = table + one * other * run.products[row, column]
    return table


def _by_euler(run: Walked, older: Index, here: Index, following: Index, order: int) -> Weights:
    """v = (latent - clean) / sigma, held from `here` on or along the line through `older`'s."""
    sigmas = np.asarray(run.sigmas)
    before, now, ahead = sigmas[older], sigmas[here], sigmas[following]
    if order != LINEAR:
        return Weights(ahead / now, (now - ahead) / now)
    moments = np.concatenate(([0.0], np.cumsum(np.diff(sigmas) * sigmas[:-1])))
    strides = moments[following] - moments[here] - now * (ahead - now)
    bent = np.where(older != here, strides / np.where(older != here, now - before, 1.0), 0.0)
    moved = (ahead - now + bent) / now
    return Weights(1 + moved, -moved, -bent / before, bent / before)


def _unipc_predicted(run: Walked, older: Index, here: Index, following: Index) -> Weights:
    """UniPC's predictor of order 2, of order 1 at both ends of the walk."""
    stretch, pull, reach = _strides(run, older, here, following)
    second = (older != here) & (following < run.steps)
    bent = np.where(second, pull * 0.5 / np.where(second, reach, 1.0), 0.0)
    return Weights(stretch, bent - pull, clean_before=-bent)


def _unipc_corrected(run: Walked, older: Index, here: Index, following: Index) -> Weights:
    """The same point, taken again when the clean guess there is known, as `samplers.unipc` does it."""
    stretch, pull, reach = _strides(run, older, here, following)
    second = older != here
    minus_h = _snr(run)[here] - _snr(run)[following]
    whole = np.expm1(minus_h)
    phi = whole / minus_h - 1
    first, bend = phi / whole, 2 * (phi / minus_h - 0.5) / whole
    old = np.where(second, (first - bend) / np.where(second, 1 - reach, 1.0), 0.0)
    new = np.where(second, first - old, 0.5)
    past = np.where(second, old / np.where(second, reach, 1.0), 0.0)
    return Weights(stretch, -pull * (1 - past - new), clean_before=-pull * past, clean_there=-pull * new)


def _strides(run: Walked, older: Index, here: Index, following: Index) -> tuple[Array, Array, Array]:
    """How a step stretches the latent, how it pulls at the clean guess, and how far back the one before lies."""
    sigmas, snr = np.asarray(run.sigmas), _snr(run)
    pull = (1 - sigmas[following]) * np.expm1(snr[here] - snr[following])
    reach = (snr[older] - snr[here]) / (snr[following] - snr[here])
    return sigmas[following] / sigmas[here] + 0.0 * older, pull, reach


def _snr(run: Walked) -> Array:
    """log(signal / noise) at each level, infinite at the end of the walk."""
    return np.array([math.inf if sigma == 0 else math.log((1 - sigma) / sigma) for sigma in run.sigmas])
