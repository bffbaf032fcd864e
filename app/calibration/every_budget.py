"""Every (steps, budget) of a model gets masks and what they lose: what `kinoray calibrate masks --every` runs.

1. How errors grow from each noise level to the end, measured once for each sampler.
2. A full run of each length; by dynamic programming the masks of least expected error for all its budgets; and all of
   them really walked, together, for their errors against the full run.
3. Videos by some rows of growing errors, judged: up to which error a row loses no more than a point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.calibration.budgets import Judge
from app.calibration.full_run import FullRun
from app.calibration.leaps import WAYS, best_masks, walked
from app.calibration.mask_search import plans
from app.calibration.mask_walks import walk_all
from app.calibration.notes import Notes
from app.calibration.offline import made
from app.calibration.units import Unit
from app.engine.denoiser import Denoiser
from app.plan.masks.table import MaskRow, MaskTable, Verified
from app.plan.prompt.complexity import CLASSES
from app.plan.tiers import TIERS
from app.types import Masks, ModelProfile
from app.types.masks import bits, unbits

LEAST, MOST = 4, 50  # steps, and budgets from the least on
LIMIT = 3e-3  # of a row's error, where nothing can be judged
LOSS = 1.0  # points of 100 that rows may lose
LADDER = (3e-5, 3e-4, 3e-3, 3e-2)  # errors below which rows are judged
JUDGED = (15, 30)  # lengths whose rows are judged: each needs a full run of all prompts
_GROWTH_STEPS = 16  # length at which it is measured how errors grow; other lengths read it off by noise level
_ENOUGH = {"unipc": 1e-5}  # expected errors below which masks are as good as the full run; none by Euler's steps
_FINE = 1e-3  # a row that loses less is not searched for again in another way
_SHARED = 0.4  # of the evaluations of all masks of a length, those that must be run, about: the others are shared

Rows = list[tuple[str, int, float]]
"""Of each budget: the steps that run as bits, the forecasts' order, the error."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure with: prompts to walk, and those whose videos are judged (none: nobody can)."""

    samplers: Sequence[str]
    prompts: Sequence[str]
    judged: Sequence[str] = ()
    lengths: Sequence[int] = tuple(range(LEAST, MOST + 1))


class MaskMeasurer:
    """Measures growth, a length, or the quality of a row."""

    def __init__(self, denoiser: Denoiser, model: ModelProfile, asked: Asked, judge: Judge | None) -> None:
        self._denoiser, self._model, self._asked, self._judge = denoiser, model, asked, judge

    def measured(self, unit: Unit) -> Any:
        kind, sampler, *steps = unit.key.split("/")
        if kind == "growth":
            full = FullRun(self._denoiser, plans(self._model, self._asked.prompts, _GROWTH_STEPS, sampler))
            return [list(full.sigmas[:-1]), list(full.growth)]
        if kind == "length":
            return self._length(sampler, int(steps[0]), unit.given)
        return self._quality(sampler, int(steps[0]), unit.given)

    def _length(self, sampler: str, steps: int, growth: tuple[Sequence[float], Sequence[float]]) -> Rows:
        asked = plans(self._model, self._asked.prompts, steps, sampler)
        levels = FullRun.levels(self._denoiser, asked[0])
        full = FullRun(self._denoiser, asked, _at(levels, *growth))
        run = walked(full.sigmas, full.path, full.velocities(), full.growth, full.corrected)
        found: dict[int, tuple[Masks, float]] = {}
        for order in WAYS.get(sampler, (0, 1)):
            wanted = [each for each in range(LEAST, steps) if each not in found or found[each][1] > _FINE]
            best = best_masks(run, order, _ENOUGH.get(sampler, 0.0) * full.scale) if wanted else {}
            errors = walk_all(self._denoiser, full, {best[budget][0] for budget in wanted})
            for masks, each in errors.items():
                error = sum(each) / len(each)
                if masks.budget not in found or error < found[masks.budget][1]:
                    found[masks.budget] = masks, error
        return [(bits(masks.run), masks.order, _short(error)) for _, (masks, error) in sorted(found.items())]

    def _quality(self, sampler: str, steps: int, row: tuple[str, int] | None) -> float:
        """Mean points of the judged prompts' videos by a row's masks, or by all steps."""
        asked = plans(self._model, self._asked.judged, steps, sampler)
        if row is not None:
            run = unbits(row[0])
            masks = Masks(run, run, row[1])
            asked = [replace(each, masks=masks, sampling=replace(each.sampling, budget=masks.budget)) for each in asked]
        videos = made(self._denoiser, asked)
        assert self._judge is not None
        return self._judge.quality(self._asked.judged, videos, videos)


class EveryBudget:
    """The stage that finds the masks of every budget."""

    name = "masks"

    def __init__(self, model: ModelProfile, asked: Asked) -> None:
        self._model, self._asked = model, asked

    def rounds(self, notes: Notes) -> Iterator[Sequence[Unit]]:
        asked, prompts = self._asked, len(self._asked.prompts)
        yield [Unit(f"growth/{sampler}", 4 * _GROWTH_STEPS * prompts) for sampler in asked.samplers]
        yield [
            Unit(f"length/{sampler}/{steps}", prompts * (steps + _SHARED * steps**2 / 2), notes[f"growth/{sampler}"])
            for steps in urgent_first(asked.lengths)
            for sampler in asked.samplers
        ]
        if asked.judged:
            yield [
                unit
                for sampler in asked.samplers
                for steps in JUDGED
                if steps in asked.lengths
                for unit in self._to_judge(notes, sampler, steps)
            ]

    def told(self, unit: Unit, found: Any) -> str:
        kind, sampler, *steps = unit.key.split("/")
        if kind == "length":
            few = min((row for row in found if row[2] <= LIMIT), default=None, key=lambda row: row[0].count("1"))
            least = f"from {few[0].count('1')} evaluations on" if few else "with all of them"
            return f"{sampler}, {steps[0]} steps are good {least}"
        if kind == "growth":
            return f"{sampler}, growth of errors"
        return f"{sampler}, {steps[0]} steps, {steps[1]} evaluations: {found:.1f} points"

    def table(self, notes: Notes) -> MaskTable:
        """The table of what the notes have. Lengths that they lack have no rows, and are refused."""
        rows = tuple(
            MaskRow(_masks(mask, order), error, sampler=sampler)
            for sampler in self._asked.samplers
            for steps in sorted(self._asked.lengths)
            for mask, order, error in _known(notes, sampler, steps)
        )
        verified = tuple(self._verified(notes))
        of_sampler = ((each, [one for one in verified if one.sampler == each]) for each in self._asked.samplers)
        limits = {sampler: limit_of(rows) for sampler, rows in of_sampler if rows}
        return MaskTable(self._model.id, self._model.revision, rows, LIMIT, verified, limits)

    def _to_judge(self, notes: Notes, sampler: str, steps: int) -> Iterator[Unit]:
        prompts = len(self._asked.judged)
        yield Unit(f"judged/{sampler}/{steps}/{steps}", prompts * steps)
        for mask, order, _ in on_ladder(_known(notes, sampler, steps)):
            budget = mask.count("1")
            yield Unit(f"judged/{sampler}/{steps}/{budget}", prompts * budget, (mask, order))

    def _verified(self, notes: Notes) -> Iterator[Verified]:
        for sampler in self._asked.samplers:
            for steps in JUDGED:
                whole = f"judged/{sampler}/{steps}/{steps}"
                for mask, _, error in on_ladder(_known(notes, sampler, steps)):
                    budget = mask.count("1")
                    if whole in notes and (key := f"judged/{sampler}/{steps}/{budget}") in notes:
                        prompts = len(self._asked.judged)
                        yield Verified(sampler, steps, budget, error, notes[key], notes[whole], prompts)


def urgent_first(lengths: Iterable[int]) -> list[int]:
    """Lengths that tiers use come first, then the longest: what takes long must not be begun last."""
    used = {steps for tier in TIERS.values() for steps in tier.steps} | {row.steps for row in CLASSES} | {*JUDGED}
    return sorted(lengths, key=lambda steps: (steps not in used, -steps))


def on_ladder(rows: Rows) -> Rows:
    """Of each rung the row of the largest error below it, each row once."""
    picked: Rows = []
    for rung in LADDER:
        below = max((row for row in rows if row[2] <= rung), default=None, key=lambda row: row[2])
        if below is not None and below not in picked:
            picked.append(below)
    return picked


def limit_of(verified: Sequence[Verified]) -> float:
    """The highest rung up to which judged rows, all of one sampler, lose no more than `LOSS` for all that is known; 0:
    none.

    Rows between two rungs are read together, and a rung is refused where what they lose is more than `LOSS` by a
    standard error at least: of so few prompts, one that goes wrong by chance is several points.
    """
    limit = before = 0.0
    for rung in LADDER:
        rows = [each for each in verified if before < each.error <= rung]
        before = rung
        if not rows:
            continue
        if _least_loss(rows) > LOSS:
            break
        limit = rung
    return limit


def _least_loss(rows: Sequence[Verified]) -> float:
    """Points that rows lose, less one standard error of as many prompts that are shown or not."""
    prompts = sum(each.prompts for each in rows)
    share = sum((each.full_quality - each.quality) * each.prompts for each in rows) / prompts / 100
    spread = math.sqrt(max(0.0, share * (1 - share)) / prompts)
    return 100 * (share - spread)


def _known(notes: Notes, sampler: str, steps: int) -> Rows:
    key = f"length/{sampler}/{steps}"
    return [(mask, order, error) for mask, order, error in notes[key]] if key in notes else []


def _masks(mask: str, order: int) -> Masks:
    run = unbits(mask)
    return Masks(run, run, order)


def _at(sigmas: Sequence[float], levels: Sequence[float], growth: Sequence[float]) -> list[float]:
    """Growth at each step of another length, as at the nearest level where it was measured."""
    return [growth[min(range(len(levels)), key=lambda at: abs(levels[at] - sigma))] for sigma in sigmas[:-1]]


def _short(error: float) -> float:
    return float(f"{error:.3g}")
