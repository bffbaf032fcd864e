from __future__ import annotations

import pytest

from app.line.profile import Profile, Shape, fitting_size, from_note, to_note, useful_sizes
from app.line.rules import Rules

SHAPE: Shape = (17, 64, 64)


def measured(*times_s: float) -> Profile:
    times = {(SHAPE, place + 1): seconds for place, seconds in enumerate(times_s)}
    return Profile(times, frozenset(times))


@pytest.mark.parametrize(
    ("times_s", "sizes"),
    [
        ((1.0, 1.1, 1.2, 1.3), (1, 2, 3, 4)),
        ((1.0, 2.0, 3.0, 4.0), (1,)),
        ((1.0, 1.7, 2.6, 3.0), (1, 2, 4)),  # three gain under a tenth over two, four gain enough
        ((1.0, 1.81, 2.5, 3.4), (1, 3)),  # 0.905, 0.833, 0.85
    ],
)
def test_a_batch_size_that_gains_under_a_tenth_per_job_is_not_formed(
    times_s: tuple[float, ...], sizes: tuple[int, ...]
) -> None:
    assert useful_sizes(measured(*times_s), SHAPE, 4, gain=0.1) == sizes


def test_what_saves_a_twentieth_is_formed_by_the_rules_as_they_are_shipped() -> None:
    rules = Rules(max_batch=4, slots=8)
    assert useful_sizes(measured(1.0, 1.5, 2.1, 2.66), SHAPE, 4, rules.gain) == (1, 2, 3, 4)
    assert useful_sizes(measured(1.0, 1.97, 2.9, 3.9), SHAPE, 4, rules.gain) == (1, 3)


def test_an_unknown_shape_starts_alone_and_tries_one_size_more_each_time() -> None:
    assert useful_sizes(Profile(), SHAPE, 4, 0.1) == (1,)
    assert useful_sizes(measured(1.0), SHAPE, 4, 0.1) == (1, 2)
    assert useful_sizes(measured(1.0, 1.1), SHAPE, 4, 0.1) == (1, 2, 3)
    assert useful_sizes(measured(1.0, 1.1), (9, 9, 9), 4, 0.1) == (1,)


def test_a_size_is_not_rejected_before_it_is_known_for_sure() -> None:
    profile = measured(1.0, 2.5)
    assert useful_sizes(Profile(profile.times, frozenset({(SHAPE, 1)})), SHAPE, 2, 0.1) == (1, 2)
    assert useful_sizes(profile, SHAPE, 2, 0.1) == (1,)


def test_no_batch_is_larger_than_memory_has_shown_to_hold() -> None:
    profile = measured(1.0, 1.1, 1.2, 1.3)
    assert useful_sizes(Profile(profile.times, profile.settled, {SHAPE: 2}), SHAPE, 4, 0.1) == (1, 2)


def test_the_largest_size_is_taken_for_which_there_are_jobs() -> None:
    assert [fitting_size((1, 2, 4), ready) for ready in (1, 2, 3, 4, 9)] == [1, 2, 2, 4, 4]


def test_the_time_of_an_unknown_size_is_that_of_the_nearest() -> None:
    assert [measured(1.0, 1.5).step_s(SHAPE, batch) for batch in (1, 2, 8)] == [1.0, 1.5, 1.5]
    assert Profile().step_s(SHAPE) == 0


def test_step_times_survive_a_note_and_what_is_no_time_is_passed_over() -> None:
    times = {(SHAPE, 1): 0.5, (SHAPE, 2): 0.75}
    assert from_note(to_note(times)) == times
    assert from_note(
        {"times": [[[1, 2], 1, 0.5], [[1, 2, 3], 0, 1], [[1, 2, 3], 1, -1], "x", [[1, 2, 3], 1, 2.0]]}
    ) == {((1, 2, 3), 1): 2.0}
    assert from_note({}) == {}
