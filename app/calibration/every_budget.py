"""Every (steps, budget) of a model gets masks and what they lose: what `kinoray calibrate masks --every` runs.

1. A full run of every length, and by dynamic programming the masks of least expected error for all its budgets.
2. Walks by those masks, the lengths that tiers use first: their errors against the full run are measured.
3. Videos of a sample of rows, judged: up to which error a row loses no more than a point.

Interrupted, it goes on where it was. Rows that are not walked yet count by their expected error, times what walks
turned out worse than expected.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.calibration.budgets import Judge
from app.calibration.every_progress import EveryProgress, Expected
from app.calibration.full_run import FullRun
from app.calibration.leaps import WAYS, best_masks, walked
from app.calibration.mask_search import plans
from app.calibration.offline import made
from app.engine.denoiser import Denoiser
from app.plan.masks.table import MaskRow, MaskTable, Verified
from app.plan.prompt.complexity import CLASSES
from app.plan.tiers import TIERS
from app.types import ModelProfile

LEAST, MOST = 4, 50  # steps, and budgets from the least on
GROWTH_STEPS = 16  # length at which it is measured how errors grow; other lengths read it off by noise level
LIMIT = 2e-3  # of a row's error, until rows are judged
LOSS = 1.0  # points of 100 that a row may lose
_SURE = 0.9  # share of walks that are no worse than expected times the margin
_JUDGED = (12, 15, 18, 25, 30)  # lengths whose rows are judged: each needs a full run of all prompts
_ROWS = 6  # judged of each sampler
_ALWAYS = (30, 15)


@dataclass(frozen=True, slots=True)
class Measure:
    """What to measure with: prompts to walk, prompts to judge with their judge, and until when."""

    samplers: Sequence[str]
    prompts: Sequence[str]
    judged: Sequence[str]
    judge: Judge | None
    lengths: Sequence[int] = tuple(range(LEAST, MOST + 1))
    until: float = math.inf  # by the monotonic clock


class EveryBudget:
    """One model's search. `tell` hears how far it is."""

    def __init__(
        self, denoiser: Denoiser, model: ModelProfile, measure: Measure, path: Path, tell: Callable[[str], None]
    ) -> None:
        """Raises ValueError: the progress is of other weights, prompts or samplers."""
        self._denoiser, self._model, self._measure, self._tell = denoiser, model, measure, tell
        asked = {"revision": model.revision, "prompts": list(measure.prompts), "judged": list(measure.judged)}
        self._known = EveryProgress(path, asked)

    def table(self) -> MaskTable:
        """Measure what is not known yet and time allows; the table of all that is known."""
        for stage in (self._expect, self._walk, self._judge):
            for told in stage():
                self._tell(told)
                if time.monotonic() > self._measure.until:
                    return self.so_far()
        return self.so_far()

    def so_far(self) -> MaskTable:
        """The table of what is known: walked rows as measured, others by expectation."""
        rows = list(self._known.rows.values())
        margin = self.margin()
        for sampler in self._measure.samplers:
            for each in self._best(sampler):
                if (sampler, each.masks.steps, each.masks.budget) not in self._known.rows:
                    rows.append(MaskRow(each.masks, _short(each.error * margin), sampler=sampler, walked=False))
        verified = tuple(self._known.verified.values())
        return MaskTable(self._model.id, self._model.revision, tuple(rows), limit_of(verified), verified)

    def margin(self) -> float:
        """Walked over expected error, at which `_SURE` of the walks are; never below 1."""
        ratios = sorted(
            self._known.rows[key].error / each.error
            for sampler in self._measure.samplers
            for each in self._best(sampler)
            if (key := (sampler, each.masks.steps, each.masks.budget)) in self._known.rows and each.error > 0
        )
        return max(1.0, ratios[int(_SURE * (len(ratios) - 1))]) if ratios else 10.0

    def _best(self, sampler: str) -> Iterator[Expected]:
        """Of each length and budget the masks that promise most."""
        best: dict[tuple[int, int], Expected] = {}
        for each in self._known.expected:
            key = (each.masks.steps, each.masks.budget)
            if each.sampler == sampler and (key not in best or each.error < best[key].error):
                best[key] = each
        return iter(best.values())

    def _expect(self) -> Iterator[str]:
        for sampler in self._measure.samplers:
            if sampler not in self._known.growth:
                full = self._full(sampler, GROWTH_STEPS, None)
                self._known.grew(sampler, full.sigmas, full.growth)
                yield f"{sampler}: growth of errors measured"
        done = {(each.sampler, each.masks.steps) for each in self._known.expected}
        for steps in urgent_first(self._measure.lengths):
            for sampler in self._measure.samplers:
                if (sampler, steps) in done:
                    continue
                full = self._full(sampler, steps)
                run = walked(full.sigmas, full.path, full.velocities(), full.growth)
                self._known.expects(
                    Expected(sampler, masks, error / full.scale)
                    for order in WAYS.get(sampler, (0, 1))
                    for budget, (masks, error) in best_masks(run, order).items()
                    if budget >= LEAST
                )
                yield f"{sampler}, {steps} steps: all budgets planned"

    def _walk(self) -> Iterator[str]:
        for steps in urgent_first(self._measure.lengths):
            for sampler in self._measure.samplers:
                missing = [budget for budget in range(LEAST, steps) if (sampler, steps, budget) not in self._known.rows]
                full = self._full(sampler, steps) if missing else None
                for budget in missing:
                    assert full is not None
                    row = self._measured(full, sampler, steps, budget)
                    self._known.found(row)
                    yield f"{sampler}, {steps} steps, budget {budget}: error {row.error:g}"

    def _measured(self, full: FullRun, sampler: str, steps: int, budget: int) -> MaskRow:
        """The most promising masks' row; where that is not good, the best of all ways."""
        here = [
            e for e in self._known.expected if (e.sampler, e.masks.steps, e.masks.budget) == (sampler, steps, budget)
        ]
        best: MaskRow | None = None
        for each in sorted(here, key=lambda one: one.error):
            error = _short(full.error(full.walk(each.masks)))
            if best is None or error < best.error:
                best = MaskRow(each.masks, error, sampler=sampler)
            if best.error <= LIMIT / 2:
                break
        assert best is not None
        return best

    def _judge(self) -> Iterator[str]:
        if self._measure.judge is None:
            return
        for sampler in self._measure.samplers:
            for row in to_judge([row for row in self._known.rows.values() if row.sampler == sampler]):
                key = (sampler, row.masks.steps, row.masks.budget)
                if key in self._known.verified:
                    continue
                full = self._quality(sampler, row.masks.steps, None)
                quality = self._quality(sampler, row.masks.steps, row)
                told = Verified(*key, row.error, quality, full, len(self._measure.judged))
                self._known.judged(told)
                yield f"{sampler}, {key[1]} steps, budget {key[2]}: {quality:.1f} of {full:.1f} points"

    def _quality(self, sampler: str, steps: int, row: MaskRow | None) -> float:
        if row is None and (sampler, steps) in self._known.qualities:
            return self._known.qualities[sampler, steps]
        judge, asked = self._measure.judge, plans(self._model, self._measure.judged, steps, sampler)
        assert judge is not None
        if row is not None:
            budget = row.masks.budget
            asked = [replace(plan, masks=row.masks, sampling=replace(plan.sampling, budget=budget)) for plan in asked]
        videos = made(self._denoiser, asked)
        quality = judge.quality(self._measure.judged, videos, videos)
        if row is None:
            self._known.full(sampler, steps, quality)
        return quality

    def _full(self, sampler: str, steps: int, growth: Sequence[float] | None = ()) -> FullRun:
        asked = plans(self._model, self._measure.prompts, steps, sampler)
        if growth is not None:
            growth = self._known.growth_at(sampler, FullRun.levels(self._denoiser, asked[0]))
        return FullRun(self._denoiser, asked, growth)


def urgent_first(lengths: Iterable[int]) -> list[int]:
    """Lengths that tiers use come first, then the shortest."""
    used = (
        {steps for tier in TIERS.values() for steps in tier.steps} | {row.steps for row in CLASSES} | set(_ALWAYS[:1])
    )
    return sorted(lengths, key=lambda steps: (steps not in used, steps))


def to_judge(rows: Sequence[MaskRow]) -> list[MaskRow]:
    """A few rows whose errors are spread over what may be good or bad, on a scale of factors."""
    known = [row for row in rows if row.masks.steps in _JUDGED]
    picked = [row for row in known if (row.masks.steps, row.masks.budget) == _ALWAYS]
    for place in range(_ROWS):
        aim = math.log(LIMIT) + (place - (_ROWS - 1) / 2) * math.log(4)
        near = min(known, key=lambda row: abs(math.log(max(row.error, 1e-9)) - aim), default=None)
        if near is not None and near not in picked:
            picked.append(near)
    return picked


def limit_of(verified: Sequence[Verified]) -> float:
    """The largest error up to which judged rows lose no more than `LOSS` on average, three at a time; `LIMIT` without.

    One row's loss is known to about a point, so that neighbours are read together.
    """
    if not verified:
        return LIMIT
    ordered = sorted(verified, key=lambda each: each.error)
    limit = 0.0
    for place, each in enumerate(ordered):
        near = ordered[max(0, place - 2) : place + 1]
        if sum(one.full_quality - one.quality for one in near) / len(near) > LOSS:
            break
        limit = each.error
    return limit


def _short(error: float) -> float:
    return float(f"{error:.4g}")
