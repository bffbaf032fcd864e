"""Narrations and captions as cues."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.captions.borders import columns_of
from app.captions.cues import COLUMNS, cues, is_cut
from app.captions.readable import readable
from app.captions.timing import Span
from app.types.storyboard import SpokenWord

TALE = (
    "Once upon a time, in a small village by the sea, there lived a fisherman who had never seen the mountains. "
    "One day he decided to go. He packed his bag, kissed his wife, and left before the sun had risen."
)
TEXTS = {
    "English": TALE,
    "Japanese": "東京は、日本の首都です。とても大きい都市で、多くの人が「ラーメン」を食べます。世界から人が来ます。",
    "Chinese": "从前，在海边的一个小村庄里，住着一个从未见过山的渔夫。有一天他决定出发。他收拾好行李，告别了妻子。",
    "Korean": "옛날 옛적 바닷가 작은 마을에 산을 한 번도 본 적이 없는 어부가 살았습니다. 어느 날 그는 떠났습니다.",
    "Thai": "กาลครั้งหนึ่งนานมาแล้ว ในหมู่บ้านเล็กๆ ริมทะเล มีชาวประมงคนหนึ่งที่ไม่เคยเห็นภูเขามาก่อนในชีวิตของเขาเลย",
    "Arabic": "كان يا ما كان، في قرية صغيرة بجانب البحر، عاش صيّاد لم يرَ الجبال قط. وفي يوم من الأيام قرر أن يرحل.",
    "Hindi": "एक समय की बात है, समुद्र के किनारे एक छोटे से गाँव में एक मछुआरा रहता था जिसने कभी पहाड़ नहीं देखे थे।",
}


def spoken(text: str, pause_s: float = 0.0) -> tuple[SpokenWord, ...]:
    """A word each 0.3 s, with a pause behind sentences."""
    found: list[SpokenWord] = []
    now = 0.0
    for word in text.split():
        found.append(SpokenWord(word, now, now + 0.25))
        now += 0.3 + (pause_s if word.endswith(".") else 0.0)
    return tuple(found)


@pytest.mark.parametrize("name", TEXTS)
def test_all_of_a_narration_is_shown_on_two_lines_at_most(name: str) -> None:
    found = cues(TEXTS[name], Span(0.0, 20.0))
    assert len(found) > 1
    assert "".join("".join(cue.lines) for cue in found).replace(" ", "") == TEXTS[name].replace(" ", "")
    assert all(1 <= len(cue.lines) <= 2 for cue in found)
    assert all(0 < columns_of(line) <= COLUMNS for cue in found for line in cue.lines)


def test_it_is_broken_where_a_reader_would_pause() -> None:
    assert [cue.lines for cue in cues(TALE, Span(0.0, 14.0))] == [
        ("Once upon a time,", "in a small village by the sea,"),
        ("there lived a fisherman who", "had never seen the mountains."),
        ("One day he decided to go.",),
        ("He packed his bag, kissed his wife,", "and left before the sun had risen."),
    ]


def test_no_line_of_japanese_begins_with_what_ends_a_word() -> None:
    lines = [line for cue in cues(TEXTS["Japanese"], Span(0.0, 20.0), columns=14) for line in cue.lines]
    assert len(lines) > 6
    assert not [line for line in lines if line[0] in "。、」）ーっゃゅょ" or line[-1] in "「（"]


def test_a_cue_is_there_while_its_words_are_heard_and_a_silence_has_none() -> None:
    found = cues(TALE, Span(10.0, 40.0), Span(10.5, 38.0), spoken(TALE, pause_s=2.0))
    fourth = next(cue for cue in found if cue.text.startswith("One day"))
    third = found[found.index(fourth) - 1]
    word = spoken(TALE, pause_s=2.0)[TALE.split().index("One")]
    assert fourth.start_s == pytest.approx(10.5 + word.start_s, abs=0.001)
    assert fourth.start_s - third.end_s == pytest.approx(2.05, abs=0.01)


def test_a_caption_that_the_scene_has_no_time_for_is_cut_and_says_so() -> None:
    found = cues("word " * 1000, Span(0.0, 2.0))
    assert [(cue.start_s, cue.end_s) for cue in found] == [(0.0, 1.0), (1.0, 2.0)]
    assert found[-1].text.endswith("…")
    assert is_cut("word " * 1000, Span(0.0, 2.0))
    assert not is_cut(TALE, Span(0.0, 9.0))


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u200d", "\x00"])
def test_nothing_to_read_makes_no_cue(text: str) -> None:
    assert cues(text, Span(0.0, 5.0)) == ()


@pytest.mark.parametrize("scene", [Span(0.0, 0.0), Span(2.0, 1.0), Span(0.0, float("nan"))])
def test_no_time_makes_no_cue(scene: Span) -> None:
    assert cues("hello", scene) == ()


def test_a_moment_is_enough_for_one_cue() -> None:
    assert [(cue.start_s, cue.end_s, cue.lines) for cue in cues("hello world", Span(1.0, 1.4))] == [
        (1.0, 1.4, ("hello world",))
    ]


def test_line_ends_that_somebody_wrote_part_cues_or_lines() -> None:
    (cue,) = cues("Roses are red\nviolets are blue and so on, and on", Span(0.0, 5.0))
    assert cue.lines == ("Roses are red", "violets are blue and so on, and on")


MIXED = some.text(
    some.sampled_from(
        "aeiou .,!?…\n-<>&{}«»()日本、。「」っーカ한ทไำเ็ابع؟ 1٢क्षि👨\u200d👩\u200d🇩🇪e\u0301\u200b\u202e\x00"
    ),
    max_size=300,
)


@settings(max_examples=150, deadline=None)
@given(
    text=MIXED,
    start=some.floats(0, 5000),
    seconds=some.floats(0.002, 60),
    columns=some.integers(8, 42),
    share=some.floats(0.1, 1),
    speed=some.floats(0.01, 2),
)
def test_whatever_comes_the_rules_hold(
    text: str, start: float, seconds: float, columns: int, share: float, speed: float
) -> None:
    scene = Span(start, start + seconds)
    words = tuple(SpokenWord(word, at * speed, (at + 1) * speed) for at, word in enumerate(text.split()))
    found = cues(text, scene, Span(start, start + seconds * share), words, columns)
    assert bool(found) == bool(readable(text))
    for cue in found:
        assert 1 <= len(cue.lines) <= 2
        assert all(line.strip() == line != "" and columns_of(line) <= columns for line in cue.lines)
        assert scene.start_s - 0.001 <= cue.start_s < cue.end_s <= scene.end_s + 0.001
        assert cue.end_s - cue.start_s >= min(1.0, seconds) - 0.002
        assert cue.end_s - cue.start_s <= 7.0 + 1e-9
    assert all(one.end_s <= other.start_s for one, other in zip(found, found[1:], strict=False))
    shown, meant = ("".join(each.split()) for each in ("".join("".join(cue.lines) for cue in found), readable(text)))
    assert shown.replace("\u200b", "") == meant.replace("\u200b", "") or shown.endswith("…")
