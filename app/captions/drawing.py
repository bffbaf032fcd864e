"""A cue comes in, its picture for a film of a given size goes out: what is burnt into the frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import regex
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from app.captions.bidi import base_level
from app.captions.cue import Cue
from app.captions.cues import COLUMNS, LEAST_COLUMNS
from app.captions.faces import Faces
from app.captions.language import checked_tag
from app.captions.picture import CaptionPicture, blend
from app.captions.readable import readable
from app.captions.runs import Pen, SetLine, set_line

__all__ = ["CaptionPainter", "CaptionPicture", "blend", "columns_for", "draw"]

_OF_HEIGHT, _OF_WIDTH = 18, 22  # a letter's size: this part of the film's height, or of its width where that is less
_LEGIBLE: Final = 9  # pixels; letters of a small film are so big, as long as the lines fit
_LEAST: Final = 6  # smaller ones are no letters any more
_SMALL: Final = 24  # pixels; smaller letters are drawn so many times as large and made small, for even spaces
_TIMES: Final = 4
_USED: Final = 0.94  # of the width, the box included
_MARGIN: Final = 0.04  # of the height, below the box
_COLUMN: Final = 0.56  # of a letter's size: how wide one usually is
_BOX: Final = 0.68  # how much of the ground the box takes away: white becomes a grey that white letters stand out from
_EDGE: Final = 0.85  # how much of that the outline takes away, besides
_PICTURES_KEPT: Final = 16
_MORE: Final = "…"
_LAST: Final = regex.compile(r"\X\s*$")


def columns_for(width: int, height: int) -> int:
    """How many columns a line of a film of that size has room for, so that it can be read; `cues` takes them."""
    return max(LEAST_COLUMNS, min(COLUMNS, int((width * _USED / _size(width, height) - 1.0) / _COLUMN)))


def draw(cue: Cue, width: int, height: int, language: str = "en", faces: Faces | None = None) -> CaptionPicture:
    """The picture of a cue for frames of `width` by `height` pixels: white letters, a dark outline, a dim box behind.

    Its lines stay as they are; letters get smaller until they fit, and where that does not do, the end of a line is
    left out, and `cut` says so. The same is drawn for the same cue, film, fonts and versions of Pillow's libraries.
    """
    return CaptionPainter(width, height, language, faces).picture(cue)


def _size(width: int, height: int) -> int:
    return max(_LEGIBLE, round(min(height / _OF_HEIGHT, width / _OF_WIDTH)))


@dataclass(frozen=True, slots=True)
class _Setting:
    """Lines and the pen that they are drawn with, in pixels `times` as small as those of the film.

    `baselines`: how far below the box's top each line has its own.
    """

    pen: Pen
    times: int
    lines: tuple[SetLine, ...]
    advances: tuple[float, ...]
    baselines: tuple[int, ...]
    pad: int
    width: int
    height: int

    def fits(self, width: float, height: float) -> bool:
        """Within pixels of the film."""
        return self.width <= width * self.times and self.height <= height * self.times


class CaptionPainter:
    """Draws the cues of one film; the last few pictures are kept, since a cue is seen in many frames."""

    def __init__(self, width: int, height: int, language: str = "en", faces: Faces | None = None) -> None:
        self._width = width
        self._height = height
        self._language = checked_tag(language)
        self._faces = faces or Faces()
        self._drawn: LRUCache[tuple[str, ...], CaptionPicture] = LRUCache(_PICTURES_KEPT)

    def picture(self, cue: Cue) -> CaptionPicture:
        """As `draw`; `cue`'s times do not matter."""
        if (known := self._drawn.get(cue.lines)) is not None:
            return known
        texts = [line for line in (readable(line).replace("\n", " ") for line in cue.lines) if line]
        base = base_level(" ".join(texts), self._language)
        picture = self._drawn[cue.lines] = self._painted(texts, base)
        return picture

    def _painted(self, texts: Sequence[str], base: int) -> CaptionPicture:
        if not texts:
            return CaptionPicture(np.zeros((0, 0, 4), np.uint8), 0, 0)
        lines = tuple(set_line(text, self._faces, base) for text in texts)
        missing = tuple(dict.fromkeys(piece for line in lines for piece in line.missing))
        setting = self._fitting(lines)
        cut = False
        if setting is None:
            cut = True
            setting = self._shortened(texts, base)
        pixels = _pixels(setting)
        left = max(0, (self._width - pixels.shape[1]) // 2)
        top = max(0, self._height - max(1, round(self._height * _MARGIN)) - pixels.shape[0])
        pixels = pixels[: self._height - top, : self._width - left]  # for films of a few pixels
        return CaptionPicture(np.ascontiguousarray(pixels), top, left, missing, cut)

    def _fitting(self, lines: tuple[SetLine, ...]) -> _Setting | None:
        """The lines as big as they fit, none where even the smallest letters do not."""
        size = _size(self._width, self._height)
        while size >= _LEAST:
            setting = self._set(lines, size)
            if setting.fits(self._width * _USED, self._height * (1 - _MARGIN)):
                return setting
            size -= max(1, int(size * min(0.5, 1 - self._width * _USED * setting.times / setting.width)))
        return None

    def _shortened(self, texts: Sequence[str], base: int) -> _Setting:
        """The smallest letters, and of each line what there is room for; of the lines too."""
        lines: list[SetLine] = []
        for text in texts:
            line = set_line(text, self._faces, base)
            while text and not self._set((line,), _LEAST).fits(self._width * _USED, math.inf):
                text = _LAST.sub("", text)
                line = set_line(text + _MORE, self._faces, base)
            if lines and not self._set((*lines, line), _LEAST).fits(math.inf, self._height * (1 - _MARGIN)):
                break
            lines.append(line)
        return self._set(tuple(lines), _LEAST)

    def _set(self, lines: tuple[SetLine, ...], size: int) -> _Setting:
        times = _TIMES if size < _SMALL else 1
        pixels = size * times
        pen = Pen(pixels, max(1, round(pixels / 14)), self._language)
        pad = max(1, round(pixels * 0.35))
        advances = tuple(pen.advance(line) for line in lines)
        baselines: list[int] = []
        at = pad
        for line in lines:
            above, below = pen.ink(line)
            at += max(above, round(pixels * 0.9))
            baselines.append(at)
            at += max(below, round(pixels * 0.3))
        width = round(max(advances)) + 2 * (pad + pen.outline)
        whole = (-(-length // times) * times for length in (width, at + pad))
        return _Setting(pen, times, lines, advances, tuple(baselines), pad, *whole)


def _pixels(setting: _Setting) -> NDArray[np.uint8]:
    """uint8 (h, w, 4), not premultiplied."""
    size = (setting.width, setting.height)
    filled, outlined, box = Image.new("L", size), Image.new("L", size), Image.new("L", size)
    pens = ImageDraw.Draw(filled), ImageDraw.Draw(outlined)
    for line, advance, baseline in zip(setting.lines, setting.advances, setting.baselines, strict=True):
        setting.pen.draw(line, *pens, round((setting.width - advance) / 2), baseline)
    corner = (0, 0, setting.width - 1, setting.height - 1)
    ImageDraw.Draw(box).rounded_rectangle(corner, radius=setting.pad, fill=255)
    letters, edge, ground = (
        np.asarray(layer.reduce(setting.times), np.float64) / 255 for layer in (filled, outlined, box)
    )
    if setting.times > 1:  # strokes of less than a pixel would be grey
        letters **= 0.6
    dark = 1 - (1 - _BOX * ground) * (1 - _EDGE * edge)
    alpha = letters + (1 - letters) * dark
    grey = np.divide(letters, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    pixels: NDArray[np.uint8] = np.rint(np.stack([grey, grey, grey, alpha], axis=-1) * 255).astype(np.uint8)
    return pixels
