from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from app.embedded.settle import COLOURS, Settled, as_given, settled
from app.embedded.world import vocabulary as words
from app.embedded.world.clauses import Said
from app.embedded.world.scenes import place
from app.embedded.world.world import Scene, Subject, render

BALL = Subject("red", "circle", "medium", "right", 0.142, 0.3125, 0.5, 0.5, 0.0)
STAR = Subject("blue", "star", "small", "still", 0.09, 0.8125, 0.71875, 0.0, 0.0)
MOTIONS = {"red": "right", "blue": "still"}


def drawn(*subjects: Subject, ground: str = "sand", frames: int = 1) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = render([Scene(ground, subjects)], frames=frames)[0].numpy()
    return found


def moves(found: Settled | None) -> dict[str, tuple[int, int]]:
    """Pixels to the right and down by colour."""
    assert found is not None
    return {COLOURS[int(row[0])]: (int(row[1]), int(row[2])) for row in found.subjects}


def back(found: Settled | None, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    assert found is not None
    shares = np.divide(frames, 255, dtype=np.float32)
    made: NDArray[np.uint8] = (255 * as_given(shares, found.ground, found.subjects)).round().astype(np.uint8)
    return made


def decibels(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.square(one.astype(float) - other.astype(float)).mean())))


def test_subjects_are_put_at_the_nearest_corners_each_by_itself() -> None:
    found = settled(drawn(BALL, STAR), MOTIONS)
    assert moves(found) == {"red": (-8, 0), "blue": (-8, 4)}
    assert found is not None
    assert decibels(found.picture, drawn(replace(BALL, x=0.25), replace(STAR, x=0.75, y=0.75))) > 40


def test_what_was_made_from_there_is_put_back_in_every_frame() -> None:
    found = settled(drawn(BALL, STAR), MOTIONS)
    made = drawn(replace(BALL, x=0.25), replace(STAR, x=0.75, y=0.75), frames=17)
    assert decibels(back(found, made), drawn(BALL, STAR, frames=17)) > 40


@pytest.mark.parametrize("motion", words.MOTIONS)
def test_what_stands_where_its_motion_begins_stays_there(motion: str) -> None:
    said = Said("red", "square" if motion == "spinning" else "circle", "medium", motion)
    scene = place([("sand", (said,))], seed=4)[0]
    assert moves(settled(render([scene], frames=1)[0].numpy(), {"red": motion})) == {"red": (0, 0)}


def test_a_place_from_which_it_would_leave_the_picture_is_none() -> None:
    near_the_edge = replace(BALL, x=0.8125)
    assert moves(settled(drawn(near_the_edge), {"red": "still"})) == {"red": (-8, 0)}
    assert moves(settled(drawn(near_the_edge), {"red": "right"})) == {"red": (-72, 0)}


def test_a_subject_that_was_made_in_another_colour_has_its_own_again() -> None:
    found = settled(drawn(BALL, STAR), MOTIONS)
    made = drawn(replace(BALL, x=0.25, colour="orange"), replace(STAR, x=0.75, y=0.75))
    assert decibels(back(found, made), drawn(BALL, STAR)) > 40


def test_colours_that_the_picture_has_of_its_own_come_back() -> None:
    picture = drawn(BALL).astype(int)
    own = np.clip(picture + np.array([10, -6, 12]), 0, 255).astype(np.uint8)
    assert decibels(back(settled(own, MOTIONS), drawn(replace(BALL, x=0.25))), own) > 40


@pytest.mark.parametrize(
    ("subjects", "motions"),
    [
        ((), MOTIONS),
        ((BALL,), {}),  # it is not plain what is to move how
        ((BALL, replace(BALL, x=0.7)), MOTIONS),  # alike
        ((replace(BALL, x=0.05),), MOTIONS),  # cut by the edge
        ((BALL, STAR, replace(STAR, colour="white", x=0.6, y=0.2)), MOTIONS),
        ((replace(BALL, x=0.5, radius=0.35),), MOTIONS),  # from nowhere would it stay in the picture
    ],
)
def test_a_picture_of_other_things_stays_as_it_is(subjects: tuple[Subject, ...], motions: dict[str, str]) -> None:
    picture = drawn(*subjects) if subjects else np.full((1, 128, 128, 3), 90, np.uint8)
    assert settled(picture, motions) is None
