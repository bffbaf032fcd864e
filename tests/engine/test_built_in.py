"""Budgets, samplers and determinism on the model that ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from app.calibration.mask_search import plans
from app.embedded.checker.checker import look
from app.engine.families.embedded import CALIBRATION_PROMPTS, built_in_profile, load_denoiser
from app.engine.families.family_denoiser import FamilyDenoiser
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.masks.table import with_masks
from app.plan.planner import make_plan
from app.plan.tables import load_tables
from app.settings import Settings
from app.types import VideoRequest
from tests.engine.plans import hear, walk

TABLES = load_tables().masks
PROMPTS = CALIBRATION_PROMPTS[1:8:4]


@pytest.fixture(scope="module")
def denoiser() -> FamilyDenoiser:
    try:
        return load_denoiser("float32", threads=1)
    except FileNotFoundError:
        pytest.skip("the built-in model has not been trained yet")


def ends(
    denoiser: FamilyDenoiser,
    steps: int,
    budget: int,
    sampler: str,
    prompts: Sequence[str] = PROMPTS,
    alike: bool = False,
) -> torch.Tensor:
    """Final latents (jobs, C, F', H', W') of the prompts, each with its seed; `alike`: deterministic."""
    states = []
    for plan in plans(built_in_profile(), prompts, steps, sampler):
        sampling = replace(plan.sampling, budget=budget, deterministic=alike)
        asked = with_masks(replace(plan, sampling=sampling), TABLES)
        states.append(denoiser.start(plan.prompt, asked, hear(denoiser, asked)))
    walk(denoiser, *states)
    return torch.stack([state.latent for state in states])


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
def test_half_the_evaluations_are_closer_to_the_full_run_than_half_the_steps(
    denoiser: FamilyDenoiser, sampler: str
) -> None:
    if not TABLES[built_in_profile().id].good(20, 10, sampler):
        assert sampler == "unipc"
        pytest.skip("what was judged of its masks lost too much, so that none is allowed")
    full = ends(denoiser, 20, 20, sampler)
    masked = (ends(denoiser, 20, 10, sampler) - full).square().mean()
    plain = (ends(denoiser, 10, 10, sampler) - full).square().mean()
    assert masked < plain


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize(("steps", "budget"), [(20, 10), (15, 6), (18, 7), (35, 10)])
def test_a_budget_that_is_allowed_ends_near_the_full_run(
    denoiser: FamilyDenoiser, steps: int, budget: int, sampler: str
) -> None:
    table = TABLES[built_in_profile().id]
    if table.limit is None or not table.good(steps, budget, sampler):
        pytest.skip("not allowed, or the shipped table is not one of every budget")
    full = ends(denoiser, steps, steps, sampler)
    masked = ends(denoiser, steps, budget, sampler)
    assert float((masked - full).square().mean() / full.var()) < 0.1  # bad masks lose 0.5


def test_a_deterministic_job_has_the_same_bits_alone_and_in_a_batch(denoiser: FamilyDenoiser) -> None:
    alone = ends(denoiser, 3, 2, "unipc", PROMPTS[:1], alike=True)
    together = ends(denoiser, 3, 2, "unipc", (PROMPTS[0], "a blue star", "a tiny ring"), alike=True)
    assert torch.equal(together[0], alone[0])


def test_the_students_four_evaluations_show_what_is_asked(denoiser: FamilyDenoiser) -> None:
    model = built_in_profile()
    asked = VideoRequest("a red ball moves to the right on a black background", tier="preview", seed=1)
    plan = make_plan(asked, Catalogue([model], model.id), Settings(), UNKNOWN, lambda: 0, load_tables())
    assert plan.student is not None
    state = denoiser.start("a", plan, hear(denoiser, plan))
    walk(denoiser, state)
    assert (state.evaluations, state.difference) == (4, None)
    seen = look(torch.from_numpy(denoiser.decode(state)))
    found = [(subject.colour, subject.shape, subject.motion) for subject in seen.subjects]
    assert (seen.ground, found) == ("black", [("red", "circle", "right")])
