"""A scene's narration or caption comes in, its cues go out: files, tracks and pictures are made of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import regex

from app.captions.borders import Part, columns_of, parts
from app.captions.cue import Cue
from app.captions.lines import Ruler, grouped, no_more_than
from app.captions.readable import readable
from app.captions.timing import Clock, Span, room, shown_ms
from app.types.storyboard import SpokenWord

COLUMNS: Final = 42  # a line of Latin letters; Han, Kana and Hangul take two, so 21 of them
LEAST_COLUMNS: Final = 8
_MORE: Final = "…"
_LAST: Final = regex.compile(r"\X")


def cues(
    text: str, scene: Span, heard: Span | None = None, words: Sequence[SpokenWord] = (), columns: int = COLUMNS
) -> tuple[Cue, ...]:
    """The text as cues of at most two lines of `columns`, in order, without overlap, within the scene.

    `heard`: when the text is spoken, in the film's seconds; None: over all of the scene. `words`: when each word is,
    counted from `heard`'s beginning; what they do not tell is spread evenly by letters. Each cue is shown for one to
    seven seconds. A text that the scene has no time for, a second each, is cut short and then ends in "…". None where
    there is nothing to read or no time: never an empty cue.
    """
    text = readable(text)
    if not text or not scene.end_s - scene.start_s >= 0.001:
        return ()
    heard = _within(heard, scene)
    clock = Clock(text, words, heard)
    ruler = Ruler(parts(text, max(columns, LEAST_COLUMNS)), max(columns, LEAST_COLUMNS))
    begins = [clock.at(part.start) for part in ruler.parts]
    ends = [clock.at(part.end, ending=True) for part in ruler.parts]
    stretches = no_more_than(room(scene), ruler, grouped(ruler, begins, ends))
    shown = shown_ms([Span(begins[first], ends[last - 1]) for first, last in stretches], scene)
    lines = [ruler.lines(first, last) for first, last in stretches]
    if stretches[-1][1] < len(ruler.parts):
        lines[-1] = _shortened(ruler, *stretches[-1])
    return tuple(Cue(start / 1000, end / 1000, said) for (start, end), said in zip(shown, lines, strict=True))


def is_cut(text: str, scene: Span, columns: int = COLUMNS) -> bool:
    """Whether the scene is too short for the text, so that its cues do not show all of it."""
    shown = cues(text, scene, columns=columns)
    return _letters("".join(cue.text for cue in shown)) != _letters(readable(text))


def _letters(text: str) -> str:
    return "".join(text.split()).replace("\u200b", "")


def _within(heard: Span | None, scene: Span) -> Span:
    if heard is None:
        return scene
    start = min(max(heard.start_s, scene.start_s), scene.end_s)
    return Span(start, min(max(heard.end_s, start), scene.end_s))


def _shortened(ruler: Ruler, first: int, last: int) -> tuple[str, ...]:
    """The lines of that stretch with an ellipsis behind, for which its end makes room."""
    for end in range(last, first, -1):
        tail = ruler.parts[end - 1]
        said = tail.text.rstrip(".,;:、。，")
        while columns_of(said) >= ruler.columns:
            said = said[: -len(_LAST.findall(said)[-1])]
        kept: list[Part] = [*ruler.parts[: end - 1], replace(tail, text=said + _MORE, columns=columns_of(said) + 1)]
        other = Ruler(kept, ruler.columns)
        if said and other.fits(first, end):
            return other.lines(first, end)
    return (_MORE,)
