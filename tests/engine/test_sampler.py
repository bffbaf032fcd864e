from __future__ import annotations

import pytest
import torch

from app.engine.denoiser import Conditioning
from app.engine.sampler import SAMPLERS, advance, begin, named
from app.errors import NumericalError, UnsupportedParameter
from tests.engine.plans import make_plan

NOTHING = Conditioning({}, {})


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_an_infinite_latent_is_an_error_and_leaves_the_state_alone(sampler: str) -> None:
    state = begin("a", make_plan(sampler=sampler), NOTHING, torch.zeros(1, 1, 1, 1))
    with pytest.raises(NumericalError):
        advance(state, torch.full((1, 1, 1, 1), torch.inf))
    assert (state.step, state.memory) == (0, ())
    assert torch.equal(state.latent, torch.zeros(1, 1, 1, 1))


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize("steps", [1, 2, 3, 20])
def test_a_straight_flow_is_walked_to_its_end_whatever_the_flow_s_sampler(sampler: str, steps: int) -> None:
    noise, clean = torch.randn(2, 4, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    state = begin("a", make_plan(steps=steps, sampler=sampler), NOTHING, noise)
    while not state.done:
        advance(state, noise - clean)
    assert torch.allclose(state.latent, clean, atol=1e-5)


def test_an_unknown_sampler_is_named() -> None:
    with pytest.raises(UnsupportedParameter, match="'magic'"):
        named("magic")
