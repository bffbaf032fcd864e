"""What is spoken of a text, and where its words are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.types.storyboard import Narrator
from app.voice.text import checked, cleaned, plain, spans


@pytest.mark.parametrize(
    ("typed", "spoken"),
    [
        ("  Hello \t world\u00a0! ", "Hello world !"),
        ("one\r\ntwo\n \nthree", "one two\n\nthree"),
        ("one\u2029\u2029two\u2028three", "one\n\ntwo three"),
        ("Zu\u0308rich", "Zürich"),
        ("so\u00adft hy\ufeffphen \u202ebidi\u202c", "soft hyphen bidi"),
        ("\x00\x01\x1b[31mred\x07", "[31mred"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # the joiner is spelling
        ("lone \ud83d surrogate \ue000 private", "lone surrogate private"),
        ("“It’s” – <b>bold</b> &amp; «so»", "“It’s” – <b>bold</b> &amp; «so»"),
    ],
)
def test_text_stays_text_without_what_is_no_text(typed: str, spoken: str) -> None:
    assert cleaned(typed) == spoken


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_is_clean_composed_and_its_words_are_all_of_it(typed: str) -> None:
    text = cleaned(typed)
    assert cleaned(text) == text == unicodedata.normalize("NFC", text)
    assert not any(unicodedata.category(char) in ("Cs", "Co", "Cn") for char in text)
    assert len(plain(text)) == len(text)
    text.encode()
    for starts in (None, range(0, len(text), 2)):
        assert "".join(text[slice(*span)] for span in spans(text, starts)) == "".join(text.split())


def test_quotes_and_styled_letters_are_spoken_as_plain_ones_at_their_places() -> None:
    assert plain("“Don’t” 𝗯𝗼𝗹𝗱 ＡＢＣ x² ①") == '"Don\'t" bold ABC x² ①'


def test_words_are_what_stands_between_blanks_and_signs_where_there_are_none() -> None:
    def words(text: str, starts: tuple[int, ...] | None = None) -> list[str]:
        return [text[slice(*span)] for span in spans(text, starts)]

    assert words("Dr. Smith’s “cat” — sat!") == ["Dr.", "Smith’s", "“cat”", "—", "sat!"]
    assert words("今天，GPT 很好。") == ["今", "天，", "GPT", "很", "好。"]
    assert words("今天，GPT 很好。", (0, 3, 7)) == ["今天，", "GPT", "很好。"]
    assert words("plain words", (2, 3)) == ["plain", "words"]


@pytest.mark.parametrize("text", ["", " ", "…!?", "🎬🎉", "\x07\u200b\u202e", "— * —", "\ud800"])
def test_where_there_is_nothing_to_speak_the_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="nothing in it") as refusal:
        checked(text, Narrator(), 100)
    assert refusal.value.param == "narration"


def test_a_text_may_be_as_long_as_is_allowed_and_its_words_too() -> None:
    assert checked("a b " * 25, Narrator(), 100)
    with pytest.raises(InvalidRequest, match="101 characters"):
        checked("a" * 101, Narrator(), 100)
    with pytest.raises(InvalidRequest, match="word of 201"):
        checked("a" * 201, Narrator(), 1000)
    assert checked("今" * 1000, Narrator(), 1000)


@pytest.mark.parametrize("speed", [0.0, 0.49, 2.01, -1.0, float("nan"), float("inf")])
def test_a_speed_out_of_bounds_is_refused(speed: float) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        checked("a", Narrator(speed=speed), 100)
    assert refusal.value.param == "speed"
