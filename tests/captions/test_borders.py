"""Where a text may be broken, and how well."""

from __future__ import annotations

import pytest

from app.captions.borders import Border, columns_of, parts


def pieces(text: str, columns: int = 42) -> list[str]:
    return [part.text for part in parts(text, columns)]


def after(text: str, piece: str) -> Border:
    return next(part.border for part in parts(text, 42) if part.text == piece)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        pytest.param("It is 3.14, well-known.", ["It", "is", "3.14,", "well-", "known."], id="words and hyphens"),
        pytest.param("「東京」は、（都）だ。", ["「東", "京」", "は、", "（都）", "だ。"], id="kinsoku"),
        pytest.param("ラーメンっ！", ["ラー", "メ", "ンっ！"], id="small kana and long marks end no line before"),
        pytest.param("안녕하세요 세계", ["안녕하세요", "세계"], id="Korean at its spaces"),
        pytest.param("เป็นไทย", ["เป็", "น", "ไท", "ย"], id="Thai vowels with their letters"),
        pytest.param("می\u200cخواهم بروم", ["می\u200cخواهم", "بروم"], id="no break at a joiner"),
        pytest.param("क्षितिज 👨\u200d👩\u200d👧🇩🇪", ["क्षितिज", "👨\u200d👩\u200d👧", "🇩🇪"], id="clusters in one piece"),
    ],
)
def test_it_breaks_where_the_script_allows(text: str, broken: list[str]) -> None:
    assert pieces(text) == broken


def test_a_word_that_is_wider_than_a_line_is_parted_between_letters() -> None:
    assert pieces("e\u0301" * 20, 8) == ["e\u0301" * 8, "e\u0301" * 8, "e\u0301" * 4]
    assert all(part.columns <= 8 for part in parts("。" * 50 + "字" * 50, 8))


@pytest.mark.parametrize(
    ("text", "piece", "border"),
    [
        ("He left. She", "left.", Border.SENTENCE),
        ("Dr. Smith", "Dr.", Border.WORD),
        ("e.g. this", "e.g.", Border.WORD),
        ("so, then", "so,", Border.CLAUSE),
        ("so then", "so", Border.WORD),
        ("首都です。大きい", "す。", Border.SENTENCE),
        ("の首都", "の", Border.WORD),
        ("首都", "首", Border.LETTER),
        ("كيف الحال؟ نعم", "الحال؟", Border.SENTENCE),
        ("मछुआरा था। एक", "था।", Border.SENTENCE),
        ("one\ntwo", "one", Border.SENTENCE),
    ],
)
def test_sentences_are_better_borders_than_clauses_and_these_than_words(text: str, piece: str, border: Border) -> None:
    assert after(text, piece) is border


def test_every_letter_is_in_one_part_at_its_place() -> None:
    text = "Dr. Who — 東京は、ไทย 👨\u200d👩\u200d👧 สวัสดี"
    found = parts(text, 42)
    assert [text[part.start : part.end] for part in found] == [part.text for part in found]
    assert "".join(part.text for part in found) == text.replace(" ", "")


def test_wide_letters_take_two_columns_and_marks_none() -> None:
    assert [columns_of(text) for text in ("ab", "漢字", "e\u0301", "👨\u200d👩\u200d👧", "ﾊﾝ")] == [2, 4, 1, 2, 2]
