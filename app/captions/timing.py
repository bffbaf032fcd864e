"""When parts of a text are heard, by the voice's word times or evenly; and when cues are shown because of that."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from app.types.storyboard import SpokenWord

LEAST_MS: Final = 1_000
MOST_MS: Final = 7_000
_BRIDGED_MS: Final = 250  # a shorter silence would only flicker
_LOOKED_AHEAD: Final = 64  # letters that a voice may have left out
_OPENING: Final = {"Ps", "Pi"}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the film, in seconds."""

    start_s: float
    end_s: float


class Clock:
    """When each place of a text is heard: between places that are known, evenly by letters."""

    def __init__(self, text: str, words: Sequence[SpokenWord], heard: Span) -> None:
        known = [(0, heard.start_s), *_anchors(text, words, heard)]
        if known[-1][0] < len(text):  # else the last word ends before the narration does
            known.append((len(text), max(heard.end_s, known[-1][1])))
        self._places = [place for place, _ in known]
        self._times = [when for _, when in known]

    def at(self, place: int, ending: bool = False) -> float:
        """Seconds of the film at which the letter `place` begins, or, `ending`, the one before it ends."""
        after = bisect_right(self._places, place) if not ending else bisect_right(self._places, place - 1)
        after = min(max(after, 1), len(self._places) - 1)
        first, last = self._places[after - 1], self._places[after]
        share = (place - first) / (last - first) if last > first else 1.0
        return self._times[after - 1] + share * (self._times[after] - self._times[after - 1])


def _anchors(text: str, words: Sequence[SpokenWord], heard: Span) -> list[tuple[int, float]]:
    """Places of the text and when they are heard: where each word begins and ends, in order, never backwards.

    A place that stands twice is one where a silence is: a word ends, and later the next begins there.
    """
    places = [place for place, letter in enumerate(text) for _ in letter.casefold() if letter.isalnum()]
    letters = "".join(letter.casefold() for letter in text if letter.isalnum())
    found: list[tuple[int, float]] = []
    cursor, now = 0, heard.start_s
    for word in words:
        key = "".join(letter for letter in word.text.casefold() if letter.isalnum())
        at = letters.find(key, cursor, cursor + len(key) + _LOOKED_AHEAD) if key else -1
        if at < 0 or not (isfinite(word.start_s) and isfinite(word.end_s)):
            continue
        cursor = at + len(key)
        first, last = _with_its_marks(text, places[at], places[cursor - 1] + 1)
        for place, when in ((first, heard.start_s + word.start_s), (last, heard.start_s + word.end_s)):
            now = min(max(now, when), max(heard.end_s, now))
            found.append((place, now))
    return found


def _with_its_marks(text: str, first: int, last: int) -> tuple[int, int]:
    """The word from `first` to before `last` with the marks before and behind it, which have no time of their own."""
    while first and unicodedata.category(text[first - 1]) in _OPENING:
        first -= 1
    while last < len(text) and not _begins(text[last]):
        last += 1
    return first, last


def _begins(letter: str) -> bool:
    return letter.isspace() or letter.isalnum() or unicodedata.category(letter) in _OPENING


def room(scene: Span) -> int:
    """How many cues it has time for, one at least; what rounding to milliseconds takes away is not missed."""
    return max(1, (round(scene.end_s * 1000) - round(scene.start_s * 1000) + 1) // LEAST_MS)


def shown_ms(heard: Sequence[Span], scene: Span) -> list[tuple[int, int]]:
    """When each cue is shown, in whole milliseconds of the film, from when it is heard.

    At least a second and at most seven, one after the other, within the scene; a second is made by ending later, else
    by beginning earlier. Silence between cues stays, unless it is so short that it would flicker. A scene shorter than
    a second has all of itself for its one cue. There must be a second of the scene for each: `room`.
    """
    opens, closes = round(scene.start_s * 1000), round(scene.end_s * 1000)
    least = min(LEAST_MS, (closes - opens) // max(1, len(heard)))
    starts: list[int] = []
    ends: list[int] = []
    free = opens
    for span in heard:  # forwards: each has its least length, and waits for the one before
        starts.append(max(free, round(span.start_s * 1000)))
        ends.append(max(starts[-1] + least, round(span.end_s * 1000)))
        free = ends[-1] if span is heard[-1] else starts[-1] + least
    latest = closes
    for at in reversed(range(len(heard))):  # backwards: all make room for what follows
        ends[at] = min(ends[at], latest)
        starts[at] = max(opens, min(starts[at], ends[at] - least))
        latest = starts[at]
    return [_settled(at, starts, ends) for at in range(len(starts))]


def _settled(at: int, starts: list[int], ends: list[int]) -> tuple[int, int]:
    end = ends[at]
    if at + 1 < len(starts) and starts[at + 1] - end < _BRIDGED_MS:
        end = starts[at + 1]
    return starts[at], min(end, starts[at] + MOST_MS)
