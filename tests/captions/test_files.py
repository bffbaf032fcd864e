"""Subtitle files, read back by libraries that parse them."""

from __future__ import annotations

import html
import io
import unicodedata

import pysubs2
import pytest
import webvtt

from app.captions.cue import Cue
from app.captions.files import mov_text, srt, vtt

CUES = (
    Cue(0.0, 1.5, ("Two lines of it,", "the second here.")),
    Cue(1.5, 3.25, ("مرحبا بالعالم، كيف الحال؟",)),
    Cue(3725.001, 3726.5, ("「東京」は、日本の首都です。",)),
)
MARKUP = (
    "A <b>bold</b> move",
    r"{\an8} up there, {x} & {y",
    "&nbsp; &lt; &#38; R&D",
    "a --> b, 1 < 2 > 0 <3",
    "00:00:01,000 --> 00:00:02,000",
    "1984",
    r"C:\new\Names \h \N",
    "<v Bob>hi <00:01.000> </script>",
    "NOTE that, STYLE this",
    "WEBVTT",
)


def told(text: str) -> str:
    """The text as it is seen: U+2060 has no width, and full-width brackets are brackets."""
    return unicodedata.normalize("NFKC", text).replace("\u2060", "")


def read_vtt(text: str) -> list[webvtt.Caption]:
    return [*webvtt.from_buffer(io.BytesIO(text.encode()), format="vtt").captions]


def test_times_and_lines_come_back_from_srt() -> None:
    read = pysubs2.SSAFile.from_string(srt(CUES), format_="srt")
    assert [(event.start, event.end, event.plaintext) for event in read] == [
        (round(cue.start_s * 1000), round(cue.end_s * 1000), cue.text) for cue in CUES
    ]


def test_times_lines_and_language_come_back_from_webvtt() -> None:
    text = vtt(CUES, "ar-EG")
    assert text.startswith("WEBVTT\nKind: captions\nLanguage: ar-EG\n\n")
    read = read_vtt(text)
    assert [each.text for each in read] == [cue.text for cue in CUES]
    assert (read[-1].start, read[-1].end) == ("01:02:05.001", "01:02:06.500")
    assert [event.start for event in pysubs2.SSAFile.from_string(text, format_="vtt")] == [0, 1500, 3725001]


@pytest.mark.parametrize("text", MARKUP)
@pytest.mark.parametrize("place", [0, 1])
def test_markup_is_literal_text_in_srt(text: str, place: int) -> None:
    lines = ("before", text) if place else (text, "after")
    cues = (Cue(0.0, 1.0, lines), Cue(2.0, 3.0, ("next",)))
    by_one = [told(event.plaintext) for event in pysubs2.SSAFile.from_string(srt(cues), format_="srt")]
    by_other = [told(each.text) for each in webvtt.from_buffer(io.BytesIO(srt(cues).encode()), format="srt").captions]
    assert by_one == by_other == ["\n".join(lines), "next"]


@pytest.mark.parametrize("text", MARKUP)
def test_markup_is_literal_text_in_webvtt(text: str) -> None:
    written = vtt((Cue(0.0, 1.0, (text, "after")), Cue(2.0, 3.0, ("next",))))
    first, second = read_vtt(written)
    assert (html.unescape(first.text), second.text) == (f"{text}\nafter", "next")


def test_what_is_no_language_does_not_get_into_the_header() -> None:
    assert vtt((), "en\n\n1\n00:00.000 --> 00:09.000\nhello") == "WEBVTT\nKind: captions\nLanguage: und\n"


def test_no_cues_are_an_empty_file() -> None:
    assert (srt(()), read_vtt(vtt(()))) == ("", [])


def test_a_sample_of_a_text_track_has_its_length_before_it() -> None:
    sample = mov_text(Cue(0.0, 1.0, ("<b>é</b>", "b")))
    assert (int.from_bytes(sample[:2], "big"), sample[2:].decode()) == (len(sample) - 2, "<b>é</b>\nb")
    assert mov_text(None) == b"\x00\x00"
