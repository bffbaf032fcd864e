"""A line of a cue comes in; the stretches that one font draws in one direction go out, from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import regex
from PIL import ImageDraw, ImageFont

from app.captions.bidi import levels, visual_order
from app.captions.faces import Face, Faces, shapes
from app.captions.readable import readable

STAND_INS: Final = ("\ufffd", "\u25a1", "?")  # for what no font has: the first of them that one does
_CLUSTER: Final = regex.compile(r"\X")
_UNDRAWN: Final = regex.compile(r"\p{Default_Ignorable_Code_Point}")
_MIRRORED: Final = str.maketrans("()[]{}<>«»", ")(][}{><»«")


@dataclass(frozen=True, slots=True)
class Run:
    """Text in the order it is read, drawn from right to left where `turned`."""

    text: str
    face: Face
    turned: bool


@dataclass(frozen=True, slots=True)
class SetLine:
    """A line of runs, and what of it no font has."""

    runs: tuple[Run, ...]
    missing: tuple[str, ...]


def set_line(line: str, faces: Faces, base: int) -> SetLine:
    """The runs of a readable line, from left to right. `base`: the level of the text that it is of."""
    found: list[tuple[str, Face, int]] = []
    missing: list[str] = []
    of_letters = levels(line, base)
    before: Face | None = None
    for piece in _CLUSTER.finditer(line):
        text, level = piece[0], of_letters[piece.start()]
        face = faces.face_for(text, before)
        if face is None:
            missing.append(text)
            text, face = _stand_in(text, faces)
        if face is None:
            continue
        if found and found[-1][1] is face and found[-1][2] == level:
            found[-1] = (found[-1][0] + text, face, level)
        else:
            found.append((text, face, level))
        before = face
    order = visual_order([level for _, _, level in found])
    runs = (Run(found[at][0], found[at][1], bool(found[at][2] % 2)) for at in order)
    return SetLine(tuple(runs), tuple(dict.fromkeys(missing)))


def missing_letters(text: str, faces: Faces) -> tuple[str, ...]:
    """What of a text no font has, each once: what is told of it before anything is drawn."""
    pieces = _CLUSTER.findall(readable(text).replace("\n", " "))
    return tuple(dict.fromkeys(piece for piece in pieces if faces.face_for(piece) is None))


def _stand_in(text: str, faces: Faces) -> tuple[str, Face | None]:
    """What is drawn instead: the letter without its marks where there is a font for that, else a box."""
    for other in (text[0], *STAND_INS):
        if (face := faces.face_for(other)) is not None and not _UNDRAWN.match(other):
            return other, face
    return "", None


@dataclass(frozen=True, slots=True)
class Pen:
    """How runs are drawn: font size and outline in pixels, and the language, which some letters' forms depend on."""

    pixels: int
    outline: int
    language: str

    def advance(self, line: SetLine) -> float:
        """How wide the line is, in pixels."""
        return sum(self._length(run) for run in line.runs)

    def ink(self, line: SetLine) -> tuple[int, int]:
        """How far it reaches above and below its baseline, outline included, in pixels."""
        boxes = [self._box(run) for run in line.runs]
        return max((round(-box[1]) for box in boxes), default=0), max((round(box[3]) for box in boxes), default=0)

    def draw(self, line: SetLine, filled: ImageDraw.ImageDraw, outlined: ImageDraw.ImageDraw, x: int, y: int) -> None:
        """Draw it from `x` on with its baseline at `y`, into two pictures of mode L."""
        at = float(x)
        for run in line.runs:
            for picture, outline in ((filled, 0), (outlined, self.outline)):
                picture.text(
                    (round(at), y),
                    self._said(run),
                    fill=255,
                    font=self._font(run),
                    anchor="ls",
                    direction=_direction(run),
                    language=self._tag(),
                    stroke_width=outline,
                )
            at += self._length(run)

    def _box(self, run: Run) -> tuple[float, float, float, float]:
        return self._font(run).getbbox(
            self._said(run),
            anchor="ls",
            direction=_direction(run),
            language=self._tag(),
            stroke_width=self.outline,
        )

    def _length(self, run: Run) -> float:
        return float(self._font(run).getlength(self._said(run), direction=_direction(run), language=self._tag()))

    def _tag(self) -> str | None:
        return self.language if shapes() else None

    def _font(self, run: Run) -> ImageFont.FreeTypeFont:
        return run.face.sized(self.pixels)

    def _said(self, run: Run) -> str:
        if shapes():
            return run.text
        pieces = _CLUSTER.findall(_UNDRAWN.sub("", run.text))  # letters side by side, in the order they are seen
        return "".join(piece.translate(_MIRRORED) for piece in reversed(pieces)) if run.turned else "".join(pieces)


def _direction(run: Run) -> str | None:
    return ("rtl" if run.turned else "ltr") if shapes() else None
