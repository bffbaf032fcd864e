from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

from app.engine.samplers.levels import Bend, linear_quadratic, picked
from app.errors import InvalidRequest

SHAPED: dict[str, Any] = {"use_dynamic_shifting": True, "base_shift": 0.95, "max_shift": 2.05}


@pytest.mark.parametrize("config", [{}, SHAPED, SHAPED | {"base_image_seq_len": 1024, "shift_terminal": 0.1}])
@pytest.mark.parametrize("tokens", [300, 5000])
@pytest.mark.parametrize("steps", [2, 18, 50])
def test_bent_levels_are_those_of_diffusers_to_the_bit(config: dict[str, Any], tokens: int, steps: int) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(shift=3.0, **config)
    even = np.linspace(1.0, 1 / steps, steps)
    facts = theirs.config
    mu = calculate_shift(tokens, facts.base_image_seq_len, facts.max_image_seq_len, facts.base_shift, facts.max_shift)
    theirs.set_timesteps(sigmas=even, mu=mu)
    ours = Bend.of(facts).bent(even, 3.0, tokens)
    assert ours.sigmas == tuple(theirs.sigmas.tolist())
    assert ours.timesteps == tuple(theirs.timesteps.tolist())


@pytest.mark.parametrize("steps", [1, 2, 7, 40])
def test_linear_quadratic_levels_are_those_of_diffusers(steps: int) -> None:
    levels = linear_quadratic_schedule(steps)
    assert np.allclose(linear_quadratic(steps).sigmas[:-1], levels, atol=1e-6)
    assert np.allclose(linear_quadratic(steps).timesteps, levels * 1000, atol=1e-3)


def test_a_ladder_is_walked_whole_or_with_levels_left_out_and_never_with_more() -> None:
    ladder = (1.0, 0.9, 0.5, 0.25)
    assert picked(ladder, 4).sigmas == tuple(torch.tensor([*ladder, 0.0]).tolist())
    assert picked(ladder, 2).sigmas == (1.0, 0.5, 0.0)
    assert picked(ladder, 1).timesteps == (1000.0,)
    with pytest.raises(InvalidRequest, match="at most 4"):
        picked(ladder, 5)


@pytest.mark.parametrize("config", [{"use_karras_sigmas": True}, {"time_shift_type": "linear"}])
def test_a_schedule_that_is_not_walked_here_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not supported"):
        Bend.of(config)
