"""Fonts: a piece of text comes in, the first font that has all of it goes out; an operator's own are asked first."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

import regex
from fontTools.ttLib import TTCollection, TTFont, TTLibError
from PIL import ImageFont, features

FOLDER: Final = Path(__file__).resolve().parent / "fonts"
_SUFFIXES: Final = (".ttf", ".otf", ".ttc", ".otc", ".woff")
_FIRST: Final = ("NotoSans-Regular", "NotoSansCJK-Subset")
_LAST: Final = "NotoEmoji-Regular"
_MOST_FACES: Final = 256  # of an operator's folder
_SIZES_KEPT: Final = 64
_NO_GLYPH: Final = regex.compile(r"[\p{Default_Ignorable_Code_Point}\n]")
_LETTERS: Final = regex.compile(r"[\p{L}\p{N}\p{M}]")
_PICTURE: Final = regex.compile(r"\ufe0f|\p{Emoji_Presentation}")

log = logging.getLogger(__name__)


class Face:
    """One font of a file: what it has glyphs for, and it in sizes."""

    def __init__(self, path: Path, index: int = 0) -> None:
        self.path = path
        self.index = index
        self.sized = lru_cache(maxsize=_SIZES_KEPT)(self._sized)

    @cached_property
    def _known(self) -> frozenset[int]:
        with TTFont(self.path, fontNumber=self.index, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())

    def has(self, text: str) -> bool:
        """Whether it has a glyph for all that has to have one."""
        return self._known.issuperset(map(ord, _NO_GLYPH.sub("", text)))

    def _sized(self, pixels: int) -> ImageFont.FreeTypeFont:
        layout = ImageFont.Layout.RAQM if shapes() else ImageFont.Layout.BASIC
        return ImageFont.truetype(str(self.path), pixels, index=self.index, layout_engine=layout)


@lru_cache(maxsize=1)
def shapes() -> bool:
    """Whether Pillow has raqm, which joins and reorders letters; else they stand side by side."""
    return bool(features.check("raqm"))


class Faces:
    """The fonts in the order in which they are asked. `own`: a font file, or a folder of such, in order of name.

    A file that is no font that can be drawn with is left out, and the log says so.
    """

    def __init__(self, own: Path | None = None) -> None:
        theirs = [face for path in _files(own) for face in _faces(path)][:_MOST_FACES] if own else []
        if own and not theirs:
            log.warning("No font in %s: captions are drawn with those that Kinoray brings", own)
        self._theirs = theirs
        self._text, self._emoji = _brought()

    def face_for(self, text: str, before: Face | None = None) -> Face | None:
        """The font for what is drawn as one; None where none has it. Signs and spaces stay with the font `before`."""
        picture = _PICTURE.search(text) is not None
        if before and before is not self._emoji and not picture and not _LETTERS.search(text) and before.has(text):
            return before
        pictures = [self._emoji] if picture else []
        for face in (*self._theirs, *pictures, *self._text, self._emoji):
            if face.has(text):
                return face
        return None


@lru_cache(maxsize=1)
def _brought() -> tuple[Sequence[Face], Face]:
    """Those of the package: of text, the usual ones first, and of emoji."""
    named = {path.stem: path for path in _files(FOLDER)}
    order = [*_FIRST, *(name for name in named if name not in (*_FIRST, _LAST))]
    return [Face(named[name]) for name in order], Face(named[_LAST])


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(path for path in place.iterdir() if path.suffix.lower() in _SUFFIXES)
    return [place]


def _faces(path: Path) -> list[Face]:
    """The fonts of a file that captions can be drawn with."""
    try:
        faces = [Face(path, index) for index in range(_fonts_in(path))]
        for face in faces:
            face.sized(16)
            face.has("a")
    except (OSError, TTLibError, ValueError, KeyError, AssertionError) as error:
        log.warning("%s is no font for captions: %s", path, error)
        return []
    return faces


def _fonts_in(path: Path) -> int:
    if path.suffix.lower() not in (".ttc", ".otc"):
        return 1
    with path.open("rb") as file:  # of our own: one that fontTools opens stays open where it is no collection
        return len(TTCollection(file, lazy=True).fonts)
