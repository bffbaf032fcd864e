import hashlib

import pytest
import torch

from app.embedded.checker.arms import ARMS, known, questions_of
from app.embedded.checker.checker import Seen, SeenSubject, look
from app.embedded.checker.continued import first_frames, kept
from app.embedded.checker.evaluate import held_out_questions, judge, made
from app.embedded.checker.rates import Rate, rates_of
from app.embedded.load import load
from app.embedded.world import vocabulary as words
from app.embedded.world.pairs import Question
from app.embedded.world.prompts import Said, is_held_out
from app.embedded.world.scenes import place
from app.embedded.world.world import render


def seen(*subjects: tuple[str, str, str], ground: str = "black") -> Seen:
    return Seen(ground, tuple(SeenSubject(*subject, "medium", 0.12, 0.9) for subject in subjects), 0.0)


def test_questions_ask_only_for_what_training_never_saw() -> None:
    questions = held_out_questions(30, 1, seed=1) + held_out_questions(10, 2, seed=1)
    for question in questions:
        ground, said = question.ask
        assert all(is_held_out(one.colour, one.shape, one.motion, ground) for one in said)


def test_the_same_seed_asks_the_same() -> None:
    assert held_out_questions(5, 2, seed=2) == held_out_questions(5, 2, seed=2)
    assert held_out_questions(5, 2, seed=2) != held_out_questions(5, 2, seed=3)


def test_drawn_videos_answer_their_prompts_and_not_others() -> None:
    questions = held_out_questions(24, 1, seed=3)
    videos = render(place([question.ask for question in questions], 3), 64)
    result = judge(questions, [look(video) for video in videos])
    assert all(rate.share == 1 for rate in result.rates.values())
    assert max(result.shuffled[name].share for name in ("colour", "motion", "shape", "ground")) < 0.5
    assert not any(result.confusions.values())


def test_a_motion_on_the_other_colour_is_not_bound() -> None:
    said = (Said("red", "circle", "medium", "left"), Said("blue", "star", "medium", "up"))
    question = Question("a red ball moves left and a blue star rises on black", ("black", said), False)
    swapped = rates_of([question], [seen(("red", "circle", "up"), ("blue", "star", "left"))])
    assert swapped["both colours"].right == swapped["both motions"].right == swapped["colours with shapes"].right == 1
    assert swapped["colours with motions"].right == 0


def test_a_third_subject_makes_a_pair_wrong() -> None:
    said = (Said("red", "circle", "medium", "left"), Said("blue", "star", "medium", "up"))
    three = seen(("red", "circle", "left"), ("blue", "star", "up"), ("blue", "star", "up"))
    rates = rates_of([Question("…", ("black", said), False)], [three])
    assert rates["colours with motions"].right == 0


def test_a_video_without_subjects_is_wrong_but_for_its_ground() -> None:
    question = Question("…", ("black", (Said("red", "circle", "medium", "left"),)), False)
    rates = rates_of([question], [seen()])
    assert {name: rate.right for name, rate in rates.items() if rate.right} == {"ground": 1}
    assert "size" not in rates


def test_intervals_are_those_of_wilson() -> None:
    assert Rate(95, 100).interval == pytest.approx((0.8883, 0.9785), abs=1e-4)
    assert Rate(10, 10).interval == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert Rate(0, 0).interval == (0.0, 1.0)


def test_the_model_is_asked_and_judged() -> None:
    torch.manual_seed(0)
    questions = held_out_questions(2, 1, seed=4)
    result = judge(questions, made(load(), questions, steps=2))
    assert result.rates["colour"].total == 2
    assert 0 <= result.stray <= 1


def test_the_prompts_that_the_shipped_figures_were_measured_on_are_still_asked() -> None:
    asked = [one.prompt for subjects in (1, 2) for seed in (0, 3) for one in held_out_questions(60, subjects, seed)]
    assert hashlib.sha256(repr(asked).encode()).hexdigest()[:12] == "ae8fc1c81205"


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_asks_its_own_kind_of_held_out_prompts(arm: str) -> None:
    questions = questions_of(arm, 6, seed=1)
    assert questions == questions_of(arm, 6, seed=1)
    for question in questions:
        ground, said = question.ask
        assert all(is_held_out(one.colour, one.shape, one.motion, ground) for one in said)
        assert (arm == "relations") == (said[0].relation != "")
        assert (arm == "counts") == (said[0].count > 1)
        assert (arm == "across") == (said[0].motion in words.ACROSS)


def test_weights_are_measured_on_what_they_know() -> None:
    assert known(()) == ("one subject", "two subjects")
    assert set(known(("across", "relations", "counts", "pictures"))) == set(ARMS)


def test_a_clip_that_leaves_its_picture_or_moves_otherwise_is_counted_so() -> None:
    questions = questions_of("pictures", 6, seed=2)
    pictures = first_frames(questions, 64, seed=2)
    clips = torch.cat(
        [render(place([question.ask], 2 + row, loose=row % 2 == 1), 64) for row, question in enumerate(questions)]
    )
    right = kept(questions, pictures, clips)
    assert all(rate.share == 1 for rate in right.rates.values())
    wrong = kept(questions, pictures, clips.roll(1, 0))
    assert wrong.rates["first frame"].share == 0
    assert wrong.rates["motion"].share < 0.5
