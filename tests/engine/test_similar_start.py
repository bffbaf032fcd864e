"""A job that begins with a similar video: where it begins, what it runs, and its way through the engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.engine.checkpoint import from_bytes, to_bytes
from app.engine.denoiser import JobState
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.renoise import noised
from app.line.batcher import Rules
from app.plan.masks.mask import evenly, late, masks_of
from app.plan.work import evaluations
from app.types import Plan, Start
from tests.engine.plans import Listener, hear, make_plan, walk


def late_plan(step: int = 4, steps: int = 9, budget: int = 5, sampler: str = "euler") -> Plan:
    return replace(make_plan(steps=steps, budget=budget, sampler=sampler), start=Start("e", step, 0.9))


def latent_of(plan: Plan) -> torch.Tensor:
    state = begun(replace(plan, start=None))
    walk(FakeDenoiser(), state)
    return state.latent


def begun(plan: Plan, latent: torch.Tensor | None = None) -> JobState:
    state = FakeDenoiser().start("a", plan, hear(FakeDenoiser(), plan))
    if latent is not None:
        noised(state, latent)
    return state


class Taker(Listener):
    """A listener that keeps the final latent and checkpoints."""

    keeps_latent = True

    def __init__(self) -> None:
        super().__init__()
        self.clean: NDArray[np.float32] | None = None
        self.kept: list[bytes] = []

    def latent(self, clean: NDArray[np.float32]) -> None:
        self.clean = clean

    def checkpoint(self, state: JobState) -> None:
        self.kept.append(to_bytes(state))


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(FakeDenoiser(), Rules(max_batch=4, slots=8, checkpoint_every=2, checkpoint_share=1.0))
    yield engine
    engine.close(20)


def test_it_begins_between_the_latent_and_its_own_noise() -> None:
    plan = late_plan()
    noise, latent = begun(plan).latent, torch.ones(3, 5, 8, 8)
    state = begun(plan, latent)
    assert state.step == 4
    assert torch.allclose(state.latent, (1 - state.sigma) * latent + state.sigma * noise)


@pytest.mark.parametrize("step", [2, 3, 8])
def test_it_runs_the_denoiser_at_its_first_step_and_never_before(step: int) -> None:
    plan = late_plan(step)
    masks = masks_of(plan)
    assert masks.run[step]
    assert not any(masks.run[:step])
    assert evaluations(plan) < evaluations(replace(plan, start=None))


def test_a_walk_cannot_begin_behind_its_end() -> None:
    with pytest.raises(ValueError, match="cannot begin"):
        late(evenly(5, 3), 5)


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize("at", [4, 5, 6, 8])
def test_gone_on_from_a_checkpoint_it_ends_with_the_same_bits(at: int, sampler: str) -> None:
    plan = late_plan(sampler=sampler)
    latent = torch.full((3, 5, 8, 8), 0.5)
    whole, parted = begun(plan, latent), begun(plan, latent)
    walk(FakeDenoiser(), whole)
    walk(FakeDenoiser(), parted, until=at)
    resumed = from_bytes(to_bytes(parted), plan)
    walk(FakeDenoiser(), resumed)
    assert torch.equal(resumed.latent, whole.latent)
    assert whole.evaluations == resumed.evaluations == sum(masks_of(plan).run)


def test_the_engine_skips_the_steps_and_says_so(engine: Engine) -> None:
    plan, heard = late_plan(), Listener()
    source = np.full((3, 5, 8, 8), 0.5, np.float32)
    engine.submit("a", plan, heard, source=source)
    heard.wait()
    state = begun(plan, torch.tensor(source))
    walk(FakeDenoiser(), state)
    assert np.array_equal(heard.frames, FakeDenoiser().decode(state))
    assert heard.steps == [4, 5, 6, 7, 8, 9]
    assert (heard.measured.steps_skipped, heard.measured.evaluations) == (4, sum(masks_of(plan).run))


@pytest.mark.parametrize("source", [None, np.zeros((3, 5, 4, 4)), np.full((3, 5, 8, 8), np.nan)])
def test_without_a_latent_that_fits_it_begins_at_noise(engine: Engine, source: NDArray[np.float32] | None) -> None:
    plan, heard = late_plan(), Listener()
    engine.submit("a", plan, heard, source=source)
    heard.wait()
    cold = begun(replace(plan, start=None))
    walk(FakeDenoiser(), cold)
    assert np.array_equal(heard.frames, FakeDenoiser().decode(cold))
    assert (heard.measured.steps_skipped, heard.measured.evaluations) == (0, 5)


@pytest.mark.parametrize("source", [None, np.full((3, 5, 8, 8), 0.5, np.float32)])
def test_a_later_attempt_goes_on_with_what_the_first_began_with(
    engine: Engine, source: NDArray[np.float32] | None
) -> None:
    plan, first, second = late_plan(), Taker(), Taker()
    engine.submit("a", plan, first, source=source)
    first.wait()
    engine.submit("b", plan, second, checkpoint=first.kept[0])
    second.wait()
    assert np.array_equal(first.frames, second.frames)
    assert second.measured.steps_skipped == first.measured.steps_skipped
    assert second.measured.resumed_from_step


def test_a_sink_that_wants_it_is_given_the_final_latent(engine: Engine) -> None:
    plan, heard = make_plan(steps=5), Taker()
    engine.submit("a", plan, heard)
    heard.wait()
    assert heard.clean is not None
    assert np.allclose(heard.clean, latent_of(plan).numpy())
