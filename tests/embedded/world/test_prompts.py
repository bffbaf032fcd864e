import subprocess
import sys
from random import Random

import pytest

from app.embedded.world import prompts
from app.embedded.world import vocabulary as words
from app.embedded.world.prompts import Said
from app.embedded.world.scenes import draw_asks


def test_one_scene_is_said_in_many_ways() -> None:
    said = (Said("red", "circle", "large", "right"),)
    assert len({prompts.describe(said, "black", Random(seed)) for seed in range(200)}) > 150


def test_the_same_seed_says_the_same() -> None:
    said = (Said("red", "circle", "large", "right"), Said("blue", "star", "small", "spinning"))
    assert prompts.describe(said, "sand", Random(5)) == prompts.describe(said, "sand", Random(5))


def test_a_prompt_always_names_its_colour_and_its_shape() -> None:
    for seed in range(200):
        text = prompts.describe((Said("purple", "ring", "medium", "up"),), "gray", Random(seed)).lower()
        assert any(word in text for word in words.COLOUR_WORDS["purple"])
        assert any(word in text for word in words.SHAPE_WORDS["ring"])


def test_about_one_combination_in_ten_is_held_out_and_none_is_in_both_sets() -> None:
    out, kept = set(prompts.combinations(True)), set(prompts.combinations(False))
    assert not out & kept
    assert 0.07 < len(out) / (len(out) + len(kept)) < 0.13


@pytest.mark.parametrize("held_out", [True, False])
def test_drawn_scenes_come_from_the_asked_set_only(held_out: bool) -> None:
    for ground, subjects in draw_asks(300, 0.5, Random(0), held_out=held_out):
        for said in subjects:
            assert prompts.is_held_out(said.colour, said.shape, said.motion, ground) == held_out


def test_every_word_of_the_world_has_english_words() -> None:
    assert set(words.COLOUR_WORDS) == set(words.COLOURS)
    assert set(words.SHAPE_WORDS) == set(words.SHAPES)
    assert set(words.MOTION_WORDS) == set(words.MOTIONS)
    assert set(words.GROUND_WORDS) == set(words.GROUND_PLACES) == set(words.GROUNDS)
    assert set(words.SIZE_WORDS) == set(words.SIZES)


def test_prompts_are_made_without_torch() -> None:
    code = "import app.embedded.world.prompts, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
