from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from app.embedded.training.learn import Learner, learn, rate_factor, start, train_step
from app.embedded.training.pools import Pool
from app.embedded.training.recipe import Budget, Recipe
from app.embedded.training.tutor import facts_of
from app.embedded.world.scenes import draw_asks, place

SMALL = Recipe(channels=4, width=64, layers=1, batch=4, warmup=2, pool=8, pool_steps=4)
EMPTY = torch.zeros(1, 48, 384)


def pool() -> Pool:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(8, 4, 5, 4, 4, generator=generator).bfloat16()
    facts = facts_of(place(draw_asks(8, 0.5, Random(0)), 0))
    return Pool(latents, torch.randn(8, 48, 384, generator=generator).bfloat16(), facts)


def started(recipe: Recipe = SMALL) -> Learner:
    return start(recipe, torch.device("cpu"))


def test_training_lowers_the_loss() -> None:
    learner = started(replace(SMALL, rate=3e-3))
    losses = [train_step(learner, pool(), EMPTY, done=0.0) for _ in range(40)]
    assert sum(losses[-10:]) < sum(losses[:10])


def test_a_resumed_run_goes_on_exactly_where_it_stopped(tmp_path: Path) -> None:
    straight, stopped, resumed = started(), started(), started()
    for _ in range(4):
        train_step(straight, pool(), EMPTY, done=0.0)
    for _ in range(2):
        train_step(stopped, pool(), EMPTY, done=0.0)
    stopped.save(tmp_path)
    assert resumed.restore(tmp_path)
    for _ in range(2):
        train_step(resumed, pool(), EMPTY, done=0.0)
    assert resumed.step == straight.step == 4
    for one, other in zip(straight.average.parameters(), resumed.average.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    started().save(tmp_path)
    with pytest.raises(ValueError, match="another recipe"):
        started(replace(SMALL, seed=1)).restore(tmp_path)


def test_the_rate_rises_then_falls_to_zero_with_the_budget() -> None:
    assert rate_factor(SMALL, 0, 0.0) == 0.5
    assert rate_factor(SMALL, 10, 0.0) == 1
    assert rate_factor(SMALL, 10, 1.0) == pytest.approx(0)


def test_a_budget_ends_by_steps_or_minutes_whichever_is_first() -> None:
    assert Budget(steps=100, minutes=10).done(50, 60) == 0.5
    assert Budget(steps=100, minutes=10).done(10, 540) == 0.9
    assert Budget(steps=100).done(200, 0) == 1


def test_learning_asks_for_a_new_pool_when_the_old_one_ends() -> None:
    asked: list[int] = []

    def source() -> Iterator[tuple[int, Pool]]:
        for end in (4, 8):
            asked.append(end)
            yield end, pool()

    told: list[float] = []
    learn(started(), source(), EMPTY, Budget(steps=6), lambda learner, done: told.append(done))
    assert asked == [4, 8]
    assert len(told) == 6


def test_a_batch_with_a_picture_has_a_clean_first_frame_at_timestep_zero() -> None:
    always = replace(SMALL, picture_share=1.0, short_one_in=1000)
    seen = pool()
    learner = started(always)
    noisy: list[torch.Tensor] = []
    asked: list[torch.Tensor] = []
    estimate = learner.model.estimate

    def listening(given: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        noisy.append(given)
        asked.append(timestep)
        return estimate(given, timestep, text)

    learner.model.estimate = listening  # type: ignore[method-assign,assignment]
    train_step(learner, seen, EMPTY, done=0.0)
    rows = seen.latents.float()
    assert all(any(torch.equal(one[:, 0], row[:, 0]) for row in rows) for one in noisy[0])
    assert not any(any(torch.equal(one[:, 1], row[:, 1]) for row in rows) for one in noisy[0])
    assert asked[0].shape == (4, 5 * 4)
    assert (asked[0][:, :4] == 0).all()
    assert (asked[0][:, 4:] > 0).all()


def test_clips_off_the_lattice_are_for_batches_with_a_picture() -> None:
    mixed = replace(pool(), loose=3)
    drawn = torch.Generator().manual_seed(0)
    plain, _, _ = mixed.batch(200, drawn)
    given, _, _ = mixed.batch(200, drawn, pictures=True)
    loose = mixed.latents[5:].float()
    assert not any(torch.equal(one, row) for one in plain for row in loose)
    assert any(torch.equal(one, row) for one in given for row in loose)
