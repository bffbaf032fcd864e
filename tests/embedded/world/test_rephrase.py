"""Ways to move that the model never read are told it in its trained words, and then it moves so."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.calibration.offline import made
from app.embedded.checker.checker import look
from app.embedded.profile import profile
from app.embedded.world import vocabulary as words
from app.embedded.world.prompts import Said, describe
from app.embedded.world.rephrase import rephrased
from app.engine.families.embedded import load_denoiser
from app.engine.timing.step_times import warm_up_plan


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("a crimson ball bounces across the sand", "a crimson ball moves to the right on the sand"),
        ("a red ball hopping across the whole screen", "a red ball moving to the right"),
        ("make a ball skip across a navy backdrop", "make a ball move to the right on a navy backdrop"),
        ("a ball rolls slowly across from right to left", "a ball moves to the left"),
        ("a ball bounces to the left, a box grows", "a ball moves to the left, a box grows"),
        ("a box that crosses the picture", "a box that moves to the right"),
        ("a ball goes across the beach towards the left", "a ball moves to the left on the beach towards the left"),
    ],
)
def test_across_is_a_side(written: str, told: str) -> None:
    assert rephrased(written).text == told


@pytest.mark.parametrize("prompt", ["a red ball rolls right", "a bridge across the river", "a cat walks", ""])
def test_what_it_was_trained_on_or_is_no_motion_stays(prompt: str) -> None:
    assert (rephrased(prompt).text, rephrased(prompt).changes) == (prompt, ())


subjects = st.builds(
    Said,
    st.sampled_from(sorted(words.COLOURS)),
    st.sampled_from(words.SHAPES),
    st.sampled_from(sorted(words.SIZES)),
    st.sampled_from(words.MOTIONS),
)


@given(st.lists(subjects, min_size=1, max_size=2), st.sampled_from(sorted(words.GROUNDS)), st.integers(0, 10**6))
def test_no_prompt_of_training_is_changed(said: list[Said], ground: str, seed: int) -> None:
    prompt = describe(tuple(said), ground, Random(seed))
    assert rephrased(prompt).text == prompt


def test_bounces_across_moves_across() -> None:
    base = warm_up_plan(profile())
    sampling = replace(base.sampling, steps=12, budget=12)
    asked = {
        "a crimson ball bounces across the sand": ("sand", "red", "across right"),
        "a blue ball hops across a gray background from right to left": ("gray", "blue", "across left"),
    }
    plans = [replace(base, prompt=prompt, sampling=replace(sampling, seed=4)) for prompt in asked]
    for video, (ground, colour, motion) in zip(made(load_denoiser("float32"), plans), asked.values(), strict=True):
        seen = look(torch.from_numpy(video))
        assert (seen.ground, [(each.colour, each.motion) for each in seen.subjects]) == (ground, [(colour, motion)])
