from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.calibration.budgets import Likeness, Measuring, by_class, curves_of, lengths
from app.embedded.checker.judge import Adherence, drawn
from app.embedded.world.scenes import place
from app.embedded.world.world import render
from app.engine.denoiser import JobState
from app.engine.fake import FakeDenoiser
from app.plan.prompt.complexity import CLASSES, analyse
from app.types import ModelProfile

MODEL = ModelProfile("tiny", "fake", "1", ((16, 16),), (5,), (4, 8), 5, 8, guidance=3.0, shift=3.0)
PROMPTS = {"simple": ["a red ball rises", "a blue box falls"]}


class Bent(FakeDenoiser):
    """A fake whose velocity is curved along the way, so that where it is evaluated matters."""

    def _velocity(self, state: JobState) -> torch.Tensor:
        return super()._velocity(state) * (1 + torch.sin(torch.tensor(9 * state.sigma)))


def test_prompts_are_sorted_into_their_classes() -> None:
    prompts = [question.prompt for question in drawn(seed=5)[:400]]
    found = by_class(prompts, most=10)
    assert set(found) >= {"simple", "moderate"}
    assert all(analyse(prompt).complexity == name for name, row in found.items() for prompt in row)


def test_every_class_has_steps_for_every_tier_that_may_save_some() -> None:
    for row in CLASSES:
        assert set(lengths(row.name)) == {"preview", "standard", "premium", "auto"}


def test_the_full_run_is_wholly_like_itself_and_few_evaluations_are_less_so() -> None:
    measuring = Measuring(Bent(), MODEL, Likeness())
    whole, few = (measuring.quality("simple", PROMPTS["simple"], 50, budget) for budget in (50, 2))
    assert whole == pytest.approx(100)
    assert few < 99


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    first, again = Bent(), Bent()
    curves = curves_of(Measuring(first, MODEL, Likeness(), tmp_path / "p.json"), PROMPTS, (0.2, 1.0), print)
    assert curves_of(Measuring(again, MODEL, Likeness(), tmp_path / "p.json"), PROMPTS, (0.2, 1.0), print) == curves
    assert first.forwards
    assert not again.forwards


def test_progress_of_other_weights_is_refused(tmp_path: Path) -> None:
    Measuring(Bent(), MODEL, Likeness(), tmp_path / "p.json").quality("simple", PROMPTS["simple"], 4, 4)
    with pytest.raises(ValueError, match="other weights"):
        Measuring(Bent(), replace(MODEL, revision="2"), Likeness(), tmp_path / "p.json")


def test_adherence_of_the_worlds_own_drawings_is_whole_and_of_others_is_not() -> None:
    questions = [question for question in drawn(seed=5)[:40] if len(question.ask[1]) == 1][:8]
    videos = [render([scene], 128)[0].numpy() for scene in place([question.ask for question in questions], seed=5)]
    judge, prompts = Adherence(questions), [question.prompt for question in questions]
    assert judge.quality(prompts, videos, videos) == pytest.approx(100)
    assert judge.quality(prompts, videos[1:] + videos[:1], videos) < 60
