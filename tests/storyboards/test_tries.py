"""Nothing is tried for ever, and what is only away is waited for."""

from __future__ import annotations

import pytest

from app.errors import GenerationError, Overloaded, StoreUnavailable
from app.storyboards.tries import LONGEST_S, gives_up, next_try_s


@pytest.mark.parametrize("error", [GenerationError("x"), ValueError("x")])
def test_what_may_be_broken_for_good_is_given_up_after_a_few_tries(error: Exception) -> None:
    assert [gives_up(error, tries) for tries in (1, 4, 5)] == [False, False, True]


def test_what_is_away_is_waited_for_a_day_and_no_longer() -> None:
    waited_s, tries = 0.0, 1
    while not gives_up(StoreUnavailable("x"), tries):
        waited_s += next_try_s(tries, [StoreUnavailable("x")])
        tries += 1
    assert 0.9 * 86_400 < waited_s < 1.2 * 86_400


def test_pauses_double_up_to_half_a_minute_and_are_as_long_as_is_asked_for() -> None:
    assert [next_try_s(tries, [ValueError()]) for tries in (1, 2, 3, 40)] == [0.5, 1.0, 2.0, LONGEST_S]
    assert next_try_s(1, [ValueError(), Overloaded("x", retry_after_s=12.0)]) == 12.0
    assert next_try_s(1, [Overloaded("x", retry_after_s=9_999.0)]) == LONGEST_S
