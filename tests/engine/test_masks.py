"""A replica runs the masks of the plan it was given, whatever any table says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.engine.denoiser import JobState
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.line.batcher import Rules
from app.plan.masks.mask import masks_of
from app.plan.masks.table import MaskRow, MaskTable, with_masks
from app.plan.tables import load_tables
from app.plan.work import evaluations
from app.types import Masks, Plan, Start
from app.types.masks import unbits
from tests.engine.plans import Listener, make_plan

OWN = Masks(unbits("1001000110"), unbits("1000000100"), order=0)
TABLES = load_tables().masks


class Watched(FakeDenoiser):
    """It notes the steps that it is run at, and at which of them without guidance."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []
        self.guided: list[int] = []

    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        self.steps += [state.step for state in states]
        self.guided += [state.step for state in states if state.unconditional_mask[state.step]]
        return super().predict(states)


@pytest.fixture
def denoiser() -> Watched:
    return Watched()


@pytest.fixture
def engine(denoiser: Watched) -> Iterator[Engine]:
    engine = Engine(denoiser, Rules(max_batch=1, slots=2))
    yield engine
    engine.close(20)


def measured_plan() -> Plan:
    """A plan of weights for which there is a table, with masks that are not the table's."""
    table = TABLES["kinoray-shapes"]
    plan = replace(make_plan(steps=10, budget=4), model=table.model, revision=table.revision)
    assert with_masks(plan, TABLES).masks != OWN
    return replace(plan, masks=OWN)


def steps_of(engine: Engine, denoiser: Watched, plan: Plan, source: NDArray[np.float32] | None = None) -> list[int]:
    heard = Listener()
    engine.submit("a", plan, heard, source=source)
    heard.wait()
    assert heard.measured.evaluations == len(denoiser.steps)
    return denoiser.steps


def test_a_job_runs_exactly_the_steps_of_its_plans_masks(engine: Engine, denoiser: Watched) -> None:
    assert steps_of(engine, denoiser, measured_plan()) == [0, 3, 7, 8]
    assert denoiser.guided == [0, 7]


def test_a_plan_without_masks_runs_an_even_spread_of_its_budget(engine: Engine, denoiser: Watched) -> None:
    assert steps_of(engine, denoiser, replace(measured_plan(), masks=None)) == [0, 3, 6, 9]


def test_a_similar_start_runs_its_first_step_and_those_of_the_plans_masks_after_it(
    engine: Engine, denoiser: Watched
) -> None:
    plan = replace(measured_plan(), start=Start("e", 5, 0.9))
    assert steps_of(engine, denoiser, plan, np.full((3, 5, 8, 8), 0.5, np.float32)) == [5, 7, 8]
    assert denoiser.guided == [5, 7]
    assert evaluations(plan) == 2.5


def test_a_similar_start_whose_latent_is_gone_runs_the_plans_masks_from_noise(
    engine: Engine, denoiser: Watched
) -> None:
    assert steps_of(engine, denoiser, replace(measured_plan(), start=Start("e", 5, 0.9))) == [0, 3, 7, 8]


def test_what_the_table_says_later_does_not_change_a_plan_that_was_made() -> None:
    plan = with_masks(make_plan(steps=10, budget=4), {"tiny": MaskTable("tiny", "1", (MaskRow(OWN, 0.1, 0.2),))})
    assert masks_of(plan) is OWN
    assert replace(plan, prompt="another").masks is OWN
