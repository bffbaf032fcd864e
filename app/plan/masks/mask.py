"""The arithmetic of masks: what a plan's walk runs and costs, the even spread where no table knows better; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress

from app.types import Masks, Plan, Sampling
from app.types.masks import LEAP

_LEAPS = frozenset({"unipc", "unipc_forcing"})  # samplers of several steps


def masks_of(plan: Plan) -> Masks:
    """The masks that a job of this plan walks by: the plan's own, else the even spread, from its similar start on.

    Raises:
        ValueError: not 1 <= budget <= steps, or it begins behind its last step.
    """
    asked = plan.sampling
    masks = plan.masks or for_guidance(for_sampler(evenly(asked.steps, asked.budget), asked.sampler), asked)
    return masks if plan.start is None else for_rule(late(masks, plan.start.step), asked)


def walk_evaluations(plan: Plan) -> float:
    """What one walk costs, in guided evaluations, without a draft's: `app.plan.work` says what a whole plan costs.

    Raises ValueError as `masks_of` does.
    """
    masks = masks_of(plan)
    return cost(masks) - sum(runs and plan.still(step) for step, runs in enumerate(masks.run)) / 2


def for_sampler(masks: Masks, sampler: str) -> Masks:
    """The masks as this sampler walks them: one of several steps leaps from evaluation to evaluation.

    A velocity that is forecast is no news to it: taken for an evaluation, as its history and its corrector take every
    step's, the differences that both are made of are nearly nothing over forecast steps and too much behind them.
    """
    return replace(masks, order=LEAP) if sampler in _LEAPS and masks.budget < masks.steps else masks


def for_guidance(masks: Masks, sampling: Sampling) -> Masks:
    """The masks as they are with this guidance: at 1, and outside its interval, there is no unconditional pass."""
    if sampling.guidance == 1:
        return replace(masks, unconditional=(False,) * masks.steps)
    return for_rule(masks, sampling)


def for_rule(masks: Masks, sampling: Sampling) -> Masks:
    """The masks with unconditional passes where there is guidance alone, and one at the first such run."""
    if sampling.rule is None or not any(masks.unconditional):
        return masks
    guided = [runs and sampling.guides(step) for step, runs in enumerate(masks.run)]
    first = guided.index(True) if True in guided else masks.steps
    passes = zip(guided, masks.unconditional, strict=True)
    free = tuple(here and (asked or step == first) for step, (here, asked) in enumerate(passes))
    return replace(masks, unconditional=free, late_guidance=not free[masks.first])


def of_one_pass(masks: Masks) -> Masks:
    """The masks of a model that never has an unconditional pass: whole evaluations, each of the one pass it has."""
    return replace(masks, unconditional=masks.run)


def cost(masks: Masks) -> float:
    """Evaluations that a walk takes, known before its first step: 1 with the unconditional pass, 0.5 without it."""
    return (sum(masks.run) + sum(masks.unconditional)) / 2


def spread(steps: int, budget: int) -> tuple[bool, ...]:
    """A mask with `budget` of `steps` True, evenly spread; the first always, the last with a budget of 2 or more.

    Raises:
        ValueError: not 1 <= budget <= steps.
    """
    if not 1 <= budget <= steps:
        raise ValueError(f"A budget of {budget} does not fit {steps} steps.")
    gaps = max(1, budget - 1)
    chosen = {(2 * turn * (steps - 1) + gaps) // (2 * gaps) for turn in range(budget)}  # rounded, in whole numbers
    return tuple(step in chosen for step in range(steps))


def late(masks: Masks, first: int) -> Masks:
    """The same masks for a walk that begins at step `first`: with an evaluation there, and nothing before it.

    Raises:
        ValueError: there is no such step.
    """
    if not 0 <= first < masks.steps:
        raise ValueError(f"A walk of {masks.steps} steps cannot begin at step {first}.")
    guided = any(masks.unconditional)

    def begun(mask: tuple[bool, ...], here: bool) -> tuple[bool, ...]:
        return (False,) * first + (here,) + mask[first + 1 :]

    return replace(masks, run=begun(masks.run, True), unconditional=begun(masks.unconditional, guided), first=first)


def evenly(steps: int, budget: int) -> Masks:
    """The evenly spread mask, with an unconditional pass at every evaluation.

    Raises:
        ValueError: not 1 <= budget <= steps.
    """
    run = spread(steps, budget)
    return Masks(run, run)


def ends_kept(steps: int, budget: int) -> Masks:
    """The first two steps, the last four and an even spread between them, with an unconditional pass at each.

    Forecasts hold the last velocity. What a video shows is decided in the first steps, and in the last ones the noise
    falls fastest: on the built-in model at half of 18 to 45 steps the error is a tenth of the even spread's or less.
    Raises ValueError as `evenly`.
    """
    spread(steps, budget)
    last = min(3, budget // 3)
    rest, room = budget - 1 - last, steps - 1 - last
    run = (True,) + (spread(room, rest) if rest else (False,) * room) + (True,) * last
    return Masks(run, run, order=0)


def stretched(masks: Masks, steps: int, budget: int) -> Masks:
    """The same pattern on another length and budget, both kept exactly; itself if they are its own.

    The places of the evaluations are read off as a curve over the walk, and taken anew at `budget` even points of it.

    Raises:
        ValueError: not 1 <= budget <= steps.
    """
    if (steps, budget) == (masks.steps, masks.budget):
        return masks
    spread(steps, budget)  # refuses what does not fit
    places = list(compress(range(masks.steps), masks.run))
    free = list(compress(masks.unconditional, masks.run))
    turns = [turn * (len(places) - 1) / max(1, budget - 1) for turn in range(budget)]
    wished = [round(_along(places, turn) * (steps - 1) / max(1, masks.steps - 1)) for turn in turns]
    taken = _distinct(wished, steps)
    without = {place for place, turn in zip(taken, turns, strict=True) if not free[round(turn)]}
    run = tuple(step in taken for step in range(steps))
    return Masks(run, tuple(step in taken and step not in without for step in range(steps)), masks.order)


def _along(places: Sequence[int], turn: float) -> float:
    """The place at a turn between two whole ones."""
    before = min(int(turn), len(places) - 1)
    after = min(before + 1, len(places) - 1)
    return places[before] + (turn - before) * (places[after] - places[before])


def _distinct(wished: Sequence[int], steps: int) -> list[int]:
    """Rising places below `steps`, the first 0, each as near to its wish as the others leave room."""
    taken: list[int] = []
    for turn, place in enumerate(wished):
        least = taken[-1] + 1 if taken else 0
        taken.append(max(least, min(place if taken else 0, steps - len(wished) + turn)))
    return taken
