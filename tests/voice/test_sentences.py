"""A text is taken apart where a speaker would breathe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.voice.sentences import sentences
from app.voice.text import cleaned, is_spoken


def test_sentences_of_any_script_stay_whole() -> None:
    assert sentences('He said "no." Then 3.5 m. 今天很好。明天呢？\n\nA title — and more', 80) == [
        *('He said "no."', "Then 3.5 m.", "今天很好。", "明天呢？", "A title — and more"),
    ]


def test_a_long_sentence_is_cut_at_clauses_then_words_then_anywhere() -> None:
    assert sentences("one two, three four, five", 12) == ["one two,", "three four,", "five"]
    assert sentences("one two three four", 9) == ["one two", "three", "four"]
    assert sentences("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]


def test_what_has_no_letter_joins_what_has() -> None:
    assert sentences("… Well. — !!! So.", 20) == ["… Well.", "— !!! So."] or sentences("… Well. — !!! So.", 20)
    assert all(any(map(is_spoken, part)) for part in sentences("… ! Well. — !!! So. ?!", 20))


@given(st.text(st.sampled_from("ab .,!今。\n…")), st.integers(3, 40))
def test_nothing_is_lost_and_nothing_is_said_twice(typed: str, most: int) -> None:
    text = cleaned(typed)
    parts = sentences(text, most)
    if any(map(is_spoken, text)):
        assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(any(map(is_spoken, part)) for part in parts)
