"""The order of letters on the screen, beside that of FriBidi, which Pillow's raqm asks."""

from __future__ import annotations

import random
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from app.captions.bidi import base_level, levels, visual_order

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
# Letters that do not join, so that they look the same in any order: a hamza is Arabic to the rules.
LETTERS = ("abcXYZ", "אבגד", "ء", "0123", "٠١٢", *2 * (' ()[]<>.,:;-+%$!?"/«»',))
MIRRORED = str.maketrans("()[]<>«»", ")(][><»«")


def seen(line: str, base: int) -> str:
    """The letters from left to right, brackets turned round as they are seen."""
    found = levels(line, base)
    return "".join(line[at].translate(MIRRORED) if found[at] % 2 else line[at] for at in visual_order(found))


def drawn(line: str, direction: str) -> NDArray[np.uint8]:
    picture = Image.new("L", (500, 40))
    font = ImageFont.truetype(str(FONT), 20, layout_engine=ImageFont.Layout.RAQM)
    unkerned = ["-kern", "-liga", "-calt"]
    ImageDraw.Draw(picture).text((5, 30), line, 255, font, anchor="ls", direction=direction, features=unkerned)
    return np.asarray(picture)


@pytest.mark.skipif(not features.check("raqm"), reason="this Pillow has no raqm")
@pytest.mark.parametrize("base", [0, 1])
def test_it_is_the_order_of_fribidi(base: int) -> None:
    chance = random.Random(18)
    for _ in range(500):
        line = "".join(chance.choice(chance.choice(LETTERS)) for _ in range(chance.randint(1, 14))).strip() or "a"
        override = "\u202d"  # left to right, whatever the letters are
        assert np.array_equal(drawn(line, "rtl" if base else "ltr"), drawn(override + seen(line, base), "ltr")), line


@pytest.mark.parametrize(
    ("line", "base", "order"),
    [
        ("ab (אב) 12", 0, "ab (בא) 12"),
        ("אב 12 (ab)", 1, "(ab) 12 בא"),
        ("אב, 3%", 1, "3% ,בא"),
    ],
)
def test_numbers_and_brackets_stand_where_they_belong(line: str, base: int, order: str) -> None:
    assert seen(line, base) == order


@pytest.mark.parametrize(
    ("text", "language", "base"),
    [
        ("hello مرحبا", "en", 0),
        ("مرحبا hello", "en", 1),
        ("NASA أعلنت", "ar", 1),
        ("only Latin", "ar", 0),
        ("123", "he", 0),
        ("", "", 0),
    ],
)
def test_a_text_is_read_from_the_side_that_its_language_or_its_first_letter_says(
    text: str, language: str, base: int
) -> None:
    assert base_level(text, language) == base
