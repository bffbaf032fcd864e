from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.calibration.full_run import FullRun
from app.calibration.mask_search import Effort, calibrate, plans, targets_of
from app.engine.denoiser import JobState
from app.engine.fake import FakeDenoiser
from app.plan.masks.mask import evenly
from app.plan.masks.table import MaskTable, read, write
from app.types import Masks, ModelProfile
from tests.engine.plans import hear, walk

MODEL = ModelProfile("tiny", "fake", "1", ((8, 8),), (5,), (4, 8), 5, 8, guidance=3.0, shift=3.0)
PROMPTS = ("a red ball", "a blue star")
QUICK = Effort(moves=40, tries=4)


class Bent(FakeDenoiser):
    """A fake whose velocity is curved along the way, so that where it is evaluated matters."""

    def _velocity(self, state: JobState) -> torch.Tensor:
        return super()._velocity(state) * (1 + torch.sin(torch.tensor(9 * state.sigma)))


class Weary(Bent):
    """It gives up after some forwards."""

    def __init__(self, forwards: int) -> None:
        super().__init__()
        self._left = forwards

    def _velocity(self, state: JobState) -> torch.Tensor:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super()._velocity(state)


def sought(folder: Path, denoiser: FakeDenoiser | None = None, effort: Effort = QUICK) -> MaskTable:
    return calibrate(denoiser or Bent(), MODEL, PROMPTS, [(12, 5), (12, 8)], effort, folder / "progress.json")


def test_no_row_is_worse_than_the_even_spread_and_some_are_better(tmp_path: Path) -> None:
    table = sought(tmp_path)
    assert [(row.masks.steps, row.masks.budget) for row in table.rows] == [(12, 5), (12, 8)]
    assert all(row.even_error is not None and row.error <= row.even_error for row in table.rows)
    assert any(row.even_error is not None and row.error < 0.8 * row.even_error for row in table.rows)
    write(table, tmp_path / "tiny.json")
    assert read(tmp_path / "tiny.json") == table


def test_the_errors_in_the_table_are_those_of_jobs_that_walk_by_it(tmp_path: Path) -> None:
    for row in sought(tmp_path).rows:
        ends = []
        for masks in (evenly(12, 12), row.masks):
            states = [
                Bent().start(plan.prompt, plan, hear(Bent(), plan)) for plan in plans(MODEL, PROMPTS, 12, "euler")
            ]
            for state in states:
                state.mask, state.unconditional_mask, state.order = masks.run, masks.unconditional, masks.order
            walk(Bent(), *states)
            ends.append(torch.cat([state.latent for state in states]))
        error = (ends[1] - ends[0]).square().mean() / ends[0].var()
        assert row.error == pytest.approx(error.item(), rel=1e-3)


def test_a_search_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = sought(tmp_path / "whole")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            sought(tmp_path, Weary(150))
    kept = json.loads((tmp_path / "progress.json").read_text())
    assert kept["rows"] or kept["climb"]["tried"]
    assert sought(tmp_path) == whole
    idle = Weary(0)
    assert sought(tmp_path, idle) == whole


def test_the_progress_of_another_search_is_not_mixed_in(tmp_path: Path) -> None:
    sought(tmp_path)
    with pytest.raises(ValueError, match="another search"):
        sought(tmp_path, effort=replace(QUICK, seed=1))


def test_a_walk_takes_up_another_where_they_part_and_ends_the_same() -> None:
    full = FullRun(Bent(), plans(MODEL, PROMPTS, 10, "unipc"))
    known, masks = (
        full.walk(evenly(10, 5)),
        Masks(evenly(10, 5).run[:8] + (True, False), evenly(10, 5).run[:8] + (True, False)),
    )
    before = full.forwards
    short = full.walk(masks, known)
    assert full.forwards == before + 1
    assert full.error(short) == full.error(full.walk(masks))


def test_the_full_run_has_no_error_and_none_is_guessed() -> None:
    full = FullRun(Bent(), plans(MODEL, PROMPTS, 6, "euler"))
    assert full.guess(evenly(6, 6)) == 0
    assert full.error(full.walk(evenly(6, 6))) == 0
    assert full.guess(evenly(6, 3)) > 0


def test_targets_are_whole_budgets_each_once() -> None:
    assert targets_of([4, 2], [0.5, 0.6]) == [(2, 1), (4, 2)]
