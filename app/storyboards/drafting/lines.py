"""The lines of a paragraph come in; they go out joined where one was only broken for its width, else apart."""

from __future__ import annotations

import unicodedata
from typing import Final

_NARROW: Final = 60  # characters: who breaks lines for their width breaks them later than that
_GOES_ON: Final = ";:；：,、，"
_WIDE: Final = frozenset("WF")


def rejoined(text: str) -> str:
    """The paragraph, with line feeds only where a line ends something.

    A line is taken to be broken for its width where the first word of the next did not fit into the widest line, or
    where the next begins with a small letter, or the line ends in a comma or the like. What is written without spaces
    is joined so.
    """
    lines = [line for each in text.split("\n") if (line := each.strip())]
    widest = max((len(line) for line in lines), default=0)
    said: list[str] = []
    for before, line in zip(["", *lines], lines, strict=False):
        said.append(line if not before else _between(before, line, widest) + line)
    return "".join(said)


def _between(before: str, line: str, widest: int) -> str:
    if before[-1] not in _GOES_ON and not line[0].islower():
        word = line.partition(" ")[0]
        if widest < _NARROW or len(before) + 1 + len(word) <= widest:
            return "\n"
    dense = unicodedata.east_asian_width(before[-1]) in _WIDE and unicodedata.east_asian_width(line[0]) in _WIDE
    return "" if dense and not _hangul(line[0]) else " "


def _hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"
