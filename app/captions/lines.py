"""Parts of a text come in; texts of one or two lines go out, broken where a reader would pause."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from app.captions.borders import Border, Part

_BREAK: Final = {Border.SENTENCE: 0.0, Border.CLAUSE: 1.0, Border.WORD: 2.5, Border.LETTER: 4.0}
_EACH: Final = 0.6  # for every cue: few that are full rather than many
_WITHIN: Final = 0.8  # for a sentence that ends in the middle of a cue
_BRIEF_S: Final = 1.5
_LONG_S: Final = 7.0


class Ruler:
    """How wide stretches of parts are, each asked in constant time. Stretches are `[first, last)`."""

    def __init__(self, parts: Sequence[Part], columns: int) -> None:
        self.parts = parts
        self.columns = columns
        ends = list(accumulate(part.columns + len(part.glue.strip("\u200b")) for part in parts))
        self._begins = [0, *ends]
        self._ends = [0, *(end - len(part.glue.strip("\u200b")) for end, part in zip(ends, parts, strict=True))]

    def width(self, first: int, last: int) -> int:
        """In columns, what joins its last part to the next left out."""
        return self._ends[last] - self._begins[first] if last > first else 0

    def line_end(self, first: int) -> int:
        """The furthest that a line reaches which begins with part `first`: one part at least."""
        return max(first + 1, bisect_right(self._ends, self._begins[first] + self.columns, lo=first + 1) - 1)

    def cue_end(self, first: int) -> int:
        """The furthest that two lines reach."""
        end = self.line_end(first)
        return self.line_end(end) if end < len(self.parts) else end

    def fits(self, first: int, last: int) -> bool:
        """Whether it stands on two lines."""
        return last <= self.cue_end(first)

    def text(self, first: int, last: int) -> str:
        """The stretch as one line."""
        return "".join(part.text + part.glue for part in self.parts[first:last]).rstrip(" \u200b")

    def lines(self, first: int, last: int) -> tuple[str, ...]:
        """One line where it fits, else two that end well and are about as long as each other."""
        if self.width(first, last) <= self.columns:
            return (self.text(first, last),)
        cut = min(
            (at for at in range(first + 1, last) if self._halves(first, at, last)),
            key=lambda at: _BREAK[self.parts[at - 1].border] + self._lopsided(first, at, last),
        )
        return self.text(first, cut), self.text(cut, last)

    def _halves(self, first: int, at: int, last: int) -> bool:
        return self.width(first, at) <= self.columns and self.width(at, last) <= self.columns

    def _lopsided(self, first: int, at: int, last: int) -> float:
        upper, lower = self.width(first, at), self.width(at, last)
        return 4.0 * abs(upper - lower) / self.columns + (0.2 if upper > lower else 0.0)  # the upper the shorter


def grouped(ruler: Ruler, begins_s: Sequence[float], ends_s: Sequence[float]) -> list[tuple[int, int]]:
    """The parts as stretches of two lines at most, all of them, in order: the cheapest way to cut the text.

    `begins_s`, `ends_s`: when each part is heard, which speaks against stretches that are very short or long.
    """
    parts = ruler.parts
    sentences = [0, *accumulate(part.border is Border.SENTENCE for part in parts)]
    best = [0.0] + [float("inf")] * len(parts)
    came = [0] * (len(parts) + 1)
    for first in range(len(parts)):
        reach = ruler.cue_end(first)
        for last in range(first + 1, reach + 1):
            seconds = ends_s[last - 1] - begins_s[first]
            cost = best[first] + _EACH + _BREAK[parts[last - 1].border] + _untimely(seconds)
            cost += _WITHIN * (sentences[last - 1] - sentences[first])
            if cost < best[last]:
                best[last], came[last] = cost, first
    cuts = [len(parts)]
    while cuts[-1]:
        cuts.append(came[cuts[-1]])
    cuts.reverse()
    return list(zip(cuts, cuts[1:], strict=False))


def _untimely(seconds: float) -> float:
    if seconds < _BRIEF_S:
        return 2.0 * (_BRIEF_S - seconds)
    return 3.0 * min(seconds - _LONG_S, 3.0) if seconds > _LONG_S else 0.0


def no_more_than(most: int, ruler: Ruler, stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same as `most` stretches, neighbours together as far as two lines hold them; the rest is left out."""
    kept = list(stretches)
    while len(kept) > most:
        joins = [at for at in range(len(kept) - 1) if ruler.fits(kept[at][0], kept[at + 1][1])]
        if not joins:
            break
        at = min(joins, key=lambda at: (_BREAK[ruler.parts[kept[at + 1][1] - 1].border], ruler.width(*kept[at])))
        kept[at : at + 2] = [(kept[at][0], kept[at + 1][1])]
    return kept if len(kept) <= most else _filled(most, ruler)


def _filled(most: int, ruler: Ruler) -> list[tuple[int, int]]:
    """The first `most` stretches, each as full as it gets."""
    found = [(0, ruler.cue_end(0))]
    while len(found) < most and found[-1][1] < len(ruler.parts):
        found.append((found[-1][1], ruler.cue_end(found[-1][1])))
    return found
