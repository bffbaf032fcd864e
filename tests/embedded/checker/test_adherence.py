"""The shipped weights on a few prompts whose combinations training never saw; the model card has the large sample.

The floors are regressions' alarms for the weights as they are, well under their measured rates; they are not the goals.
"""

from __future__ import annotations

import pytest

from app.embedded.checker.evaluate import Adherence, held_out_questions, judge, made
from app.embedded.load import load


@pytest.fixture(scope="module")
def shown() -> Adherence:
    questions = held_out_questions(24, 1, seed=3)
    return judge(questions, made(load(), questions, steps=10))


@pytest.mark.parametrize(("what", "floor"), [("ground", 0.9), ("colour", 0.9), ("motion", 0.85), ("shape", 0.85)])
def test_the_model_shows_what_held_out_prompts_ask(shown: Adherence, what: str, floor: float) -> None:
    assert shown.rates[what].share >= floor, shown.confusions


def test_the_same_videos_do_not_answer_other_prompts(shown: Adherence) -> None:
    for what, apart in (("ground", 0.3), ("colour", 0.3), ("motion", 0.15)):
        assert shown.shuffled[what].share < shown.rates[what].share - apart, what
