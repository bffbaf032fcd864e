"""A plan's student beside the model's own weights: its levels, its forwards, its checkpoints."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from app.engine.checkpoint import CheckpointInvalid, to_bytes
from app.engine.denoiser import JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.placement import place
from app.engine.families.models import Parts
from app.errors import UnsupportedParameter
from app.plan.masks.table import with_masks
from app.settings.placement import Placement
from app.types import Plan, StudentOfModel, VideoSpec
from tests.engine.families.tiny import tiny_autoencoder, tiny_encode, tiny_transformer, tiny_wan
from tests.engine.plans import hear, make_plan, walk

SPEC = VideoSpec(32, 16, 5, 8)
STUDENT = StudentOfModel("one", (1.0, 0.75, 0.5, 0.25))


def both_sets() -> Parts:
    parts = Parts(tiny_transformer(), tiny_autoencoder(), tiny_encode)
    parts.student = tiny_transformer(seed=1)
    return parts


@pytest.fixture(scope="module")
def denoiser() -> FamilyDenoiser:
    return tiny_wan(both_sets(), student="one")


def taught(seed: int = 0, student: StudentOfModel = STUDENT) -> Plan:
    return with_masks(replace(make_plan(steps=4, guidance=1.0, spec=SPEC, seed=seed), student=student), {})


def started(denoiser: FamilyDenoiser, plan: Plan) -> JobState:
    return denoiser.start(f"{plan.sampling.seed}", plan, hear(denoiser, plan))


def walked(denoiser: FamilyDenoiser, *plans: Plan) -> list[torch.Tensor]:
    states = [started(denoiser, plan) for plan in plans]
    walk(denoiser, *states)
    return [state.latent for state in states]


def test_a_student_walks_down_its_own_levels_with_its_own_weights(denoiser: FamilyDenoiser) -> None:
    state = started(denoiser, taught())
    assert state.sigmas == (1.0, 0.75, 0.5, 0.25, 0.0)
    assert state.timesteps == (1000.0, 750.0, 500.0, 250.0)
    walk(denoiser, state)
    alone = tiny_wan(Parts(tiny_transformer(seed=1), tiny_autoencoder(), tiny_encode))
    expected = replace(started(alone, replace(taught(), student=None)), sigmas=state.sigmas, timesteps=state.timesteps)
    walk(alone, expected)
    torch.testing.assert_close(state.latent, expected.latent)


def test_jobs_of_student_and_teacher_in_one_batch_get_what_each_gets_alone(denoiser: FamilyDenoiser) -> None:
    plans = [taught(1), make_plan(steps=4, guidance=3.0, spec=SPEC, seed=2), taught(3)]
    for together, plan in zip(walked(denoiser, *plans), plans, strict=True):
        torch.testing.assert_close(together, walked(denoiser, plan)[0])
    assert started(denoiser, plans[0]).group != started(denoiser, plans[1]).group


def test_a_job_of_the_student_goes_on_from_its_checkpoint_with_the_same_bits(denoiser: FamilyDenoiser) -> None:
    state = started(denoiser, taught())
    walk(denoiser, state, until=2)
    resumed = denoiser.resume(state.plan, to_bytes(state))
    walk(denoiser, state)
    walk(denoiser, resumed)
    assert resumed.group == state.group
    assert torch.equal(resumed.latent, state.latent)


def test_a_checkpoint_of_the_students_is_none_of_the_models_own(denoiser: FamilyDenoiser) -> None:
    state = started(denoiser, taught())
    with pytest.raises(CheckpointInvalid, match="another plan"):
        denoiser.resume(replace(state.plan, student=None), to_bytes(state))


@pytest.mark.parametrize("held", ["", "two"])
def test_a_replica_that_does_not_hold_the_plans_student_says_so(held: str) -> None:
    parts = both_sets() if held else Parts(tiny_transformer(), tiny_autoencoder(), tiny_encode)
    other = tiny_wan(parts, student=held)
    with pytest.raises(UnsupportedParameter, match="distilled weights"):
        started(other, taught())


def test_both_sets_are_laid_out() -> None:
    parts = both_sets()
    assert "layerwise float8_e4m3fn" in place(parts, Placement(layerwise="float8_e4m3fn"), torch.device("cpu")).applied
    dtypes = {weight.dtype for each in parts.held for name, weight in each.named_parameters() if "ffn" in name}
    assert dtypes == {torch.float8_e4m3fn}
