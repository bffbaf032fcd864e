from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.plan.prompt.normalise import normalised, required

ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
STRAY = "\U000e0067\U000e0062"


@pytest.mark.parametrize(
    ("typed", "planned"),
    [
        ("  a   red\n\tball ", "a red ball"),
        ("a cafÃ©", "a café"),
        ("a\x00 red\x1b[31m ball\u202e", "a red ball"),
        ("a\ud800 ball", "a\ufffd ball"),
        ("e\u0301clair", "éclair"),
        ("👩‍👧 dance", "👩‍👧 dance"),
        (f"a {ENGLAND} 🇩🇪 ❤️ and {STRAY}", f"a {ENGLAND} 🇩🇪 ❤️ and"),
        ("“It’s” – a ‘ﬁlm’… ＮＥＯＮ ½ × &amp; --ar 16:9", "“It’s” – a ‘ﬁlm’… ＮＥＯＮ ½ × &amp; --ar 16:9"),
    ],
)
def test_a_prompt_is_repaired_and_trimmed(typed: str, planned: str) -> None:
    assert normalised(typed, 100) == planned


@pytest.mark.parametrize("typed", ["", "   ", "\x00\x07", "\u200d \u200d", "\u202e\ufeff", STRAY])
def test_a_prompt_with_nothing_to_see_is_refused(typed: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        required(typed, 100)
    assert caught.value.param == "prompt"


@pytest.mark.parametrize("typed", ["x" * 101, "x" * 10_000_000, " " * 10_000_000])
def test_a_prompt_that_is_too_long_is_refused(typed: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        required(typed, 100)
    assert caught.value.error_code == "prompt_too_long"


def test_white_space_does_not_count() -> None:
    assert len(required("a " * 100 + " " * 150, 200)) == 199


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=60))
def test_normalising_twice_changes_nothing(typed: str) -> None:
    once = normalised(typed, 1000)
    assert normalised(once, 1000) == once
