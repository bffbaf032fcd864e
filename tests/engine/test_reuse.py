from __future__ import annotations

import pytest
import torch

from app.engine.denoiser import Prediction
from app.engine.fake import FakeDenoiser
from app.engine.reuse import forecast, guide, remember
from tests.engine.plans import hear, make_plan


def test_a_velocity_linear_in_sigma_is_forecast_exactly() -> None:
    history = [Prediction(sigma, torch.tensor([1 + 2 * sigma])) for sigma in (0.9, 0.7)]
    assert torch.allclose(forecast(history, 0.4), torch.tensor([1.8]))


def test_a_single_prediction_is_reused_and_none_is_an_error() -> None:
    assert torch.equal(forecast([Prediction(1.0, torch.ones(2))], 0.5), torch.ones(2))
    with pytest.raises(ValueError, match="first step"):
        forecast([], 1.0)


@pytest.mark.parametrize("order", [0, 1])
def test_a_state_keeps_as_many_predictions_as_its_order_of_forecast_needs(order: int) -> None:
    plan = make_plan(steps=5)
    state = FakeDenoiser().start("a", plan, hear(FakeDenoiser(), plan))
    state.order = order
    for step in range(3):
        remember(state, torch.tensor([float(step)]))
        state.step += 1
    assert [seen.velocity.item() for seen in state.history] == [2.0] if order == 0 else [1.0, 2.0]
    assert state.evaluations == 3


def test_guidance_reuses_the_last_difference_where_there_is_no_unconditional_velocity() -> None:
    plan = make_plan(guidance=3.0)
    state = FakeDenoiser().start("a", plan, hear(FakeDenoiser(), plan))
    asked, free = torch.tensor([2.0]), torch.tensor([1.0])
    with pytest.raises(ValueError, match="unconditional"):
        guide(state, asked, None)
    assert guide(state, asked, free).item() == 4.0
    assert guide(state, asked + 1, None).item() == 5.0
    assert guide(state, asked, free + 1).item() == 2.0


def test_without_guidance_there_is_no_unconditional_velocity() -> None:
    plan = make_plan(guidance=1.0)
    state = FakeDenoiser().start("a", plan, hear(FakeDenoiser(), plan))
    assert guide(state, torch.tensor([2.0]), None).item() == 2.0
    assert state.difference is None
    assert not state.unconditioned
