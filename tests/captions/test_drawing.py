"""Captions burnt into frames: readable, within the picture, the same each time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from app.captions import faces as of_faces
from app.captions.cue import Cue
from app.captions.cues import cues
from app.captions.drawing import CaptionPainter, CaptionPicture, columns_for, draw
from app.captions.faces import Faces
from app.captions.timing import Span
from tests.captions.test_cues import TEXTS

SIZES = ((1280, 720), (720, 1280), (256, 256), (64, 64), (3840, 2160), (854, 480))
LANGUAGES = {"Japanese": "ja", "Chinese": "zh-Hans", "Korean": "ko", "Thai": "th", "Arabic": "ar", "Hindi": "hi"}
CHANCE = np.random.default_rng(18)


def cue(*lines: str) -> Cue:
    return Cue(0.0, 1.0, lines)


def luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Relative luminance (WCAG 2) of sRGB pixels, (N, 3)."""
    share = pixels / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    weighted: NDArray[np.float64] = linear @ np.array([0.2126, 0.7152, 0.0722])
    return weighted


def ground(name: str, width: int, height: int) -> NDArray[np.uint8]:
    if name == "noise":
        return CHANCE.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.full((height, width, 3), {"white": 255, "black": 0, "grey": 128}[name], np.uint8)


@pytest.mark.parametrize("under", ["white", "black", "grey", "noise"])
@pytest.mark.parametrize("size", [(1280, 720), (256, 256)])
@pytest.mark.parametrize("name", ["English", "Japanese", "Arabic"])
def test_letters_stand_out_from_any_ground(under: str, size: tuple[int, int], name: str) -> None:
    first = cues(TEXTS[name], Span(0.0, 20.0), columns=columns_for(*size))[0]
    picture = draw(first, *size, LANGUAGES.get(name, "en"))
    frame = ground(under, *size)
    picture.blend(frame)
    height, width = picture.pixels.shape[:2]
    region = frame[picture.top : picture.top + height, picture.left : picture.left + width]
    grey, alpha = picture.pixels[..., 0], picture.pixels[..., 3]
    letters = luminance(region[grey > 215])
    around = luminance(region[(grey == 0) & (alpha > 150)])
    assert len(letters) > 50
    contrast = (np.quantile(letters, 0.1) + 0.05) / (np.quantile(around, 0.99) + 0.05)
    assert contrast >= 4.5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", TEXTS)
def test_a_cue_of_the_films_columns_is_drawn_whole_within_the_picture(size: tuple[int, int], name: str) -> None:
    painter = CaptionPainter(*size, LANGUAGES.get(name, "en"))
    for each in cues(TEXTS[name], Span(0.0, 40.0), columns=columns_for(*size)):
        picture = painter.picture(each)
        height, width = picture.pixels.shape[:2]
        assert (picture.missing, picture.cut) == ((), False)
        assert picture.top + height < size[1]
        assert 0 <= picture.left <= size[0] - width
        assert height <= size[1] * (0.62 if size == (64, 64) else 0.25)


@pytest.mark.parametrize("size", [(64, 64), (64, 16), (16, 64), (8, 8), (2, 2), (1, 1), (4096, 16)])
def test_what_does_not_fit_is_cut_and_nothing_leaves_the_picture(size: tuple[int, int]) -> None:
    picture = draw(cue("W" * 42, "字" * 21), *size)
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    picture.blend(frame)
    assert picture.cut
    assert picture.pixels.size
    assert (frame.max() > 0) or size[0] < 8


def test_letters_shrink_before_anything_is_cut() -> None:
    wide = draw(cue("W" * 42), 640, 360)
    assert not wide.cut
    assert 0.8 * 640 < wide.pixels.shape[1] <= 640
    assert wide.pixels.shape[0] < draw(cue("short"), 640, 360).pixels.shape[0]


def test_what_no_font_has_is_seen_as_a_box_and_reported() -> None:
    told = draw(cue("a \U00013000\ue000 b", "\U00013000"), 640, 360)
    assert told.missing == ("\U00013000", "\ue000")
    assert np.array_equal(told.pixels, draw(cue("a \ufffd\ufffd b", "\ufffd"), 640, 360).pixels)


def test_a_letter_keeps_its_place_where_only_its_mark_is_missing() -> None:
    told = draw(cue("a\U00016af0b"), 640, 360)  # a mark of Bassa Vah
    assert told.missing == ("a\U00016af0",)
    assert np.array_equal(told.pixels, draw(cue("ab"), 640, 360).pixels)


def ink(picture: CaptionPicture) -> NDArray[np.bool_]:
    """Where letters are, without the box's empty borders: (h, w)."""
    found: NDArray[np.bool_] = picture.pixels[..., 0] > 128
    columns = np.flatnonzero(found.any(axis=0))
    return found[:, int(columns[0]) : int(columns[-1]) + 1]


@pytest.mark.skipif(not of_faces.shapes(), reason="this Pillow has no raqm")
def test_arabic_letters_join() -> None:
    joined, apart = (ink(draw(cue(text), 640, 360, "ar")) for text in ("ببب", "ب\u200cب\u200cب"))
    gaps = [int((np.diff(each.any(axis=0).astype(int)) < 0).sum()) for each in (joined, apart)]
    assert gaps == [0, 2]


def test_a_line_of_several_scripts_is_drawn_from_the_side_that_it_is_read_from() -> None:
    """The Latin word stands at the right end of a Hebrew line, where reading begins, and at the left of an English."""
    latin = ink(draw(cue("WWW"), 1280, 720))
    for language, side in (("he", slice(-30, None)), ("en", slice(None, 30))):
        line = ink(draw(cue("WWW אאא"), 1280, 720, language))
        assert np.array_equal(line[:, side], latin[:, side])


def test_simplified_chinese_has_its_own_forms() -> None:
    japanese, chinese = (draw(cue("直骨"), 640, 360, tag).pixels for tag in ("ja", "zh-Hans"))
    assert not np.array_equal(japanese, chinese)


def test_the_same_cue_makes_the_same_bits_and_is_drawn_once() -> None:
    painter = CaptionPainter(1280, 720, "ar")
    first = painter.picture(Cue(0.0, 1.0, (TEXTS["Arabic"][:40],)))
    assert painter.picture(Cue(5.0, 6.0, (TEXTS["Arabic"][:40],))) is first
    again = draw(cue(TEXTS["Arabic"][:40]), 1280, 720, "ar", Faces())
    assert np.array_equal(first.pixels, again.pixels)
    assert (first.top, first.left) == (again.top, again.left)


def test_a_cue_with_nothing_to_see_leaves_the_frame_alone() -> None:
    frame = ground("noise", 64, 64)
    before = frame.copy()
    draw(cue("\u200b", ""), 64, 64).blend(frame)
    assert np.array_equal(frame, before)


def test_overrides_of_direction_in_a_cue_turn_nothing_round() -> None:
    told, plain = (draw(cue(text), 640, 360).pixels for text in ("a\u202ebcd\u202ce", "abcde"))
    assert np.array_equal(told, plain)


def test_without_raqm_letters_are_drawn_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    with_raqm = ink(draw(cue("No kerning"), 1280, 720))
    monkeypatch.setattr("app.captions.faces.shapes", lambda: False)
    monkeypatch.setattr("app.captions.runs.shapes", lambda: False)
    of_faces._brought.cache_clear()
    try:
        plain = ink(draw(cue("No kerning"), 1280, 720))
        hebrew = ink(draw(cue("WWW אאא"), 1280, 720, "he"))
        latin = ink(draw(cue("WWW"), 1280, 720))
    finally:
        of_faces._brought.cache_clear()
    assert abs(plain.shape[1] - with_raqm.shape[1]) <= 9
    assert np.array_equal(hebrew[:, -30:], latin[:, -30:])


def test_two_full_lines_of_720p_are_blended_in_two_milliseconds() -> None:
    picture = draw(
        cue("Two full lines of a film take a good part of", "its width, and are blended in no time at all."), 1280, 720
    )
    frame = ground("noise", 1280, 720)
    took: list[float] = []
    for _ in range(20):
        began = time.perf_counter()
        picture.blend(frame)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.002
