"""Words get their times from what the voice tells, else by how long they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.voice.text import cleaned
from app.voice.words import moved, placed, spread


def test_a_word_is_heard_from_its_mark_to_the_next() -> None:
    words = placed("Hello big world", [(0, 0.1), (6, 0.5), (10, 0.8)], 1.5)
    assert [(word.text, word.start_s, word.end_s) for word in words] == [
        ("Hello", 0.1, 0.5),
        ("big", 0.5, 0.8),
        ("world", 0.8, 1.5),
    ]


def test_of_several_marks_in_a_word_the_first_counts_and_words_without_share() -> None:
    words = placed("It costs $12.50 — now, ok", [(0, 0.0), (3, 0.2), (9, 0.6), (10, 0.9), (12, 1.2), (23, 4.0)], 5.0)
    starts = {word.text: word.start_s for word in words}
    assert (starts["costs"], starts["$12.50"], starts["ok"]) == (0.2, 0.6, 4.0)
    assert 0.6 < starts["—"] < starts["now,"] < 4.0


def test_marks_that_go_back_or_beyond_the_end_are_held_within() -> None:
    words = placed("a b c", [(0, 0.5), (2, 0.2), (4, 9.0)], 1.0)
    assert [(word.start_s, word.end_s) for word in words] == [(0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]


def test_longer_words_take_longer_and_a_full_stop_is_a_pause() -> None:
    a, longer, b, stopped = spread("to extraordinarily be. be", 1.0, 3.0)[:4]
    assert a.start_s == 1.0
    assert stopped.end_s == pytest.approx(3.0)
    assert longer.end_s - longer.start_s > 3 * (a.end_s - a.start_s)
    assert b.end_s - b.start_s > stopped.end_s - stopped.start_s


def test_words_that_are_moved_stay_within_the_speech() -> None:
    words = moved(spread("a b c d", 0.0, 1.0), -0.3, 0.5)
    assert words[0].start_s == words[0].end_s == 0.0
    assert words[-1].end_s == 0.5


@given(
    st.text(st.sampled_from("ab 今天.สวัส—\n")),
    st.lists(st.tuples(st.integers(-1, 30), st.floats(-1, 9))),
    st.floats(0, 8),
)
def test_whatever_is_told_all_words_are_in_order(typed: str, marks: list[tuple[int, float]], seconds: float) -> None:
    text = cleaned(typed)
    for words in (placed(text, marks, seconds), spread(text, 0.0, seconds)):
        assert "".join(word.text for word in words) == "".join(text.split())
        times = [at for word in words for at in (word.start_s, word.end_s)]
        assert all(a <= b + 1e-9 for a, b in zip(times, times[1:], strict=False))
        assert all(-1e-9 <= at <= seconds + 1e-9 for at in times)
