"""What of a text can be read on a screen."""

from __future__ import annotations

import pytest

from app.captions.readable import readable

FAMILY = "👨\u200d👩\u200d👧"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("می\u200cخواهم", id="the non-joiner of Persian"),
        pytest.param("ه\u200d", id="a joiner at the end of an Arabic word"),
        pytest.param("क्\u200dष", id="a joiner of Devanagari"),
        pytest.param(FAMILY, id="an emoji of several"),
        pytest.param("❤\ufe0f", id="a heart in colour"),
        pytest.param(SCOTLAND, id="a flag of tags"),
        pytest.param("葛\U000e0100城", id="a variant of a Han letter"),
        pytest.param("<b>a</b> {\\an8} &nbsp; --> b", id="markup"),
        pytest.param("ไทย\u200bแลนด์", id="a border of Thai words"),
    ],
)
def test_what_a_script_needs_stays(text: str) -> None:
    assert readable(text) == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("a\x00\x1b[31mb\x7f\x9f", "a[31mb", id="control characters"),
        pytest.param("a\u202e\u2066b\u2069\u202cc", "abc", id="overrides and isolates of direction"),
        pytest.param("ab\u200bc\u2060d\ufeffe\u200df\u200cg", "abcdefg", id="joiners where nothing is joined"),
        pytest.param("a\U000e0061\U000e0062b", "ab", id="hidden tags"),
        pytest.param("a\u3164\u115fb\uffff", "ab", id="fillers and no characters"),
        pytest.param("a\ud800b", "ab", id="half a surrogate pair"),
        pytest.param("  a \t b\u3000c  \r\n\r\n d\u2028e ", "a b c\nd\ne", id="white space"),
        pytest.param("e" + "\u0301" * 50, "é" + "\u0301" * 6, id="a tower of marks"),
        pytest.param("\u0301 \u0301a", "a", id="marks on nothing"),
        pytest.param("\u200b \u200e\u200f \ufe0f", "", id="nothing to see"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_what_nobody_sees_goes(text: str, read: str) -> None:
    assert readable(text) == read
