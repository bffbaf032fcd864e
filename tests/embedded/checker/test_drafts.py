from __future__ import annotations

import numpy as np
import pytest

from app.embedded.checker.drafts import unseen
from app.embedded.checker.evaluate import held_out_questions
from app.embedded.world.scenes import place
from app.embedded.world.world import render
from app.models.vocabularies import readers
from app.plan.speculative.shown import shown
from app.types import MustShow

READER = readers()["kinoray-shapes"]


@pytest.mark.parametrize("subjects", [1, 2])
def test_drawings_of_what_prompts_ask_show_all_of_it_and_drawings_of_others_do_not(subjects: int) -> None:
    questions = held_out_questions(12, subjects, seed=9)
    known = [(question, shown(question.prompt, READER)) for question in questions]
    whole = [(question, asked) for question, asked in known if asked is not None]
    assert len(whole) >= 9
    videos = [render([scene], 128)[0].numpy() for scene in place([each.ask for each, _ in whole], seed=9)]
    own = [unseen(video, asked) for video, (_, asked) in zip(videos, whole, strict=True)]
    others = [unseen(video, asked) for video, (_, asked) in zip(videos[1:] + videos[:1], whole, strict=True)]
    assert float(np.mean(own)) < 0.05
    assert float(np.mean(others)) > 0.4


def test_an_empty_picture_shows_its_ground_alone() -> None:
    black = np.zeros((17, 128, 128, 3), np.uint8)
    assert unseen(black, MustShow("black", (("red", "circle", "right"),))) == pytest.approx(4 / 5)
