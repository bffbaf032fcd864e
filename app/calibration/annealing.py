"""The search for a budget's masks: annealing on guessed errors, then climbing on measured ones.

Source: BudCache (arXiv 2606.13496): a static mask at a fixed budget by simulated annealing and hill climbing on swaps.
Here annealing asks a guess that costs no forward, and only a few promising masks are really walked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from app.types import Masks

Error = Callable[[Masks], float]
_HOT, _COLD = 0.3, 0.003  # temperatures: how much worse, relative to the error, a move may be
_PROPOSALS = 12  # swaps that are guessed for each one that is measured


def annealed(start: Masks, guess: Error, moves: int, rng: Random) -> Masks:
    """The mask of least guessed error on a walk of `moves` swaps, the unconditional pass in every evaluation."""
    here, here_error = start, guess(start)
    best, best_error = here, here_error
    for move in range(moves):
        other = swapped(here, rng)
        error = guess(other)
        heat = _HOT * (_COLD / _HOT) ** (move / moves)
        if error <= here_error or rng.random() < math.exp((here_error - error) / max(heat * here_error, 1e-12)):
            here, here_error = other, error
        if here_error < best_error:
            best, best_error = here, here_error
    return best


def promising(best: Masks, guess: Error, rng: Random) -> Masks:
    """The next mask worth a measurement: of a few swaps of the best so far, the one of least guessed error."""
    return min((swapped(best, rng) for _ in range(_PROPOSALS)), key=guess)


def swapped(masks: Masks, rng: Random) -> Masks:
    """One evaluation moved: half the time to a place beside it, else anywhere; the first step stays."""
    taken = [step for step, runs in enumerate(masks.run) if runs and step]
    empty = [step for step, runs in enumerate(masks.run) if not runs]
    if not taken or not empty:
        return masks
    source = rng.choice(taken)
    beside = [step for step in (source - 1, source + 1) if step in empty]
    target = rng.choice(beside) if beside and rng.random() < 0.5 else rng.choice(empty)
    run = tuple(step == target or (runs and step != source) for step, runs in enumerate(masks.run))
    return Masks(run, run, masks.order)


def thinned(masks: Masks, guess: Error) -> list[Masks]:
    """The masks with 0, 1, 2 ... unconditional passes left out, each time the one that is guessed to matter least."""
    chain = [masks]
    while sum(chain[-1].unconditional) > 1:
        last = chain[-1]
        places = [step for step, free in enumerate(last.unconditional) if free and step]
        options = [
            Masks(last.run, tuple(free and step != place for step, free in enumerate(last.unconditional)), last.order)
            for place in places
        ]
        chain.append(min(options, key=guess))
    return chain


def farthest(chain: Sequence[Masks], passes: Callable[[Masks], bool]) -> Masks:
    """The last of a chain that passes, by halving, for chains that pass up to somewhere; its first is taken to pass."""
    low, high = 0, len(chain)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(chain[middle]) else (low, middle)
    return chain[low]
