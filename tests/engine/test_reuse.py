from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.engine.denoiser import Prediction
from app.engine.reuse import forecast, spread


@given(steps=st.integers(1, 120), share=st.floats(0, 1))
def test_a_mask_spends_its_budget_evenly_and_keeps_both_ends(steps: int, share: float) -> None:
    budget = max(1, round(share * steps))
    mask = spread(steps, budget)
    assert len(mask) == steps
    assert sum(mask) == budget
    assert mask[0]
    if budget >= 2:
        assert mask[-1]
        places = [step for step, run in enumerate(mask) if run]
        gaps = [later - earlier for earlier, later in zip(places[:-1], places[1:], strict=True)]
        assert max(gaps) - min(gaps) <= 1


def test_a_full_budget_runs_every_step() -> None:
    assert spread(5, 5) == (True,) * 5
    assert spread(5, 3) == (True, False, True, False, True)


@pytest.mark.parametrize("budget", [0, 6])
def test_a_budget_that_does_not_fit_is_refused(budget: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        spread(5, budget)


def test_a_velocity_linear_in_sigma_is_forecast_exactly() -> None:
    history = [Prediction(sigma, torch.tensor([1 + 2 * sigma])) for sigma in (0.9, 0.7)]
    assert torch.allclose(forecast(history, 0.4), torch.tensor([1.8]))


def test_a_single_prediction_is_reused_and_none_is_an_error() -> None:
    assert torch.equal(forecast([Prediction(1.0, torch.ones(2))], 0.5), torch.ones(2))
    with pytest.raises(ValueError, match="first step"):
        forecast([], 1.0)
