from __future__ import annotations

from app.jobs.epoch import FIRST, next_epoch, was_restored


def test_an_epoch_is_past_all_that_are_known_even_where_the_clock_was_set_back() -> None:
    now = FIRST + 500
    assert next_epoch(now) == now
    assert next_epoch(now, 0, now + 7) == now + 8
    assert next_epoch(3, 0) == FIRST


def test_fences_of_attempts_alone_never_look_restored() -> None:
    assert not was_restored(10**6)
    assert was_restored(FIRST + 1)
