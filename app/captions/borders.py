"""Readable text comes in; what is never parted goes out, with how good a place to break comes after each part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import regex
from wcwidth import wcswidth


class Border(IntEnum):
    """How good a place to break it is, from the worst."""

    LETTER = 0  # within what is read as one: a long word, or a script that marks no words
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3


@dataclass(frozen=True, slots=True)
class Part:
    """`text` stands from `start` to before `end` in the whole; `glue` is what joins it to the next where both stay on
    one line; `columns` as a terminal counts them: 2 for Han, Kana, Hangul and emoji, 0 for marks."""

    text: str
    start: int
    end: int
    glue: str
    border: Border
    columns: int


_PIECE: Final = regex.compile(r"[ \n\u200b]|\X")
_END_OF_SENTENCE: Final = regex.compile(r"[\p{STerm}…][\p{Pe}\p{Pf}\p{Pi}\"'”’»]*$")
_FULL_STOP: Final = regex.compile(r"\.[\p{Pe}\p{Pf}\p{Pi}\"'”’»]*$")
_SHORT: Final = regex.compile(
    r"(?:^|[^\p{L}\p{N}])(?:\p{L}|(?:\p{L}\.)+\p{L}|mrs?|ms|dr|prof|st|vs|no|nr|ca|cf|etc|bzw|z\.b|jr|sr|inc|ltd)\.$",
    regex.IGNORECASE,
)
_END_OF_CLAUSE: Final = regex.compile(r"[,;:–—،؛؍、，；：､﹐﹑﹔﹕։፣፤፥၊៖][\p{Pe}\p{Pf}\"'”’»]*$")
_GOES_ON: Final = regex.compile(r"^[\p{Ll}]")
# A line may break before and after these without a space; the rest breaks at spaces, Hangul too, as Korean is set now.
_FREE: Final = regex.compile(r"[[\p{EA=W}\p{EA=F}\p{EA=H}\p{LB=SA}\p{LB=EB}]--[\p{Hangul}]]", regex.V1)
_NOT_FIRST: Final = regex.compile(
    r"[\p{LB=CL}\p{LB=CP}\p{LB=EX}\p{LB=IS}\p{LB=SY}\p{LB=NS}\p{LB=CJ}\p{LB=GL}\p{LB=WJ}\p{LB=CM}\p{LB=ZWJ}\p{LB=IN}"
    r"\p{LB=PO}\p{LB=EM}\p{Pf}\p{LB=HY}\p{LB=BA}ฯะาำๅๆຯະາຳໆ]"  # kinsoku, and vowels that stand behind their letter
)
_NOT_LAST: Final = regex.compile(r"[\p{LB=OP}\p{LB=GL}\p{LB=WJ}\p{LB=PR}\p{Pi}เแโใไເແໂໃໄ]$")
_HYPHEN: Final = regex.compile(r"\p{L}[-\u2010]$")  # of a word, not of a number or a minus
_DASH: Final = regex.compile(r"[—–]$")
_WORDLESS: Final = regex.compile(r"\p{LB=SA}")
_HIRAGANA: Final = regex.compile(r"\p{Hiragana}")
_CONTENT: Final = regex.compile(r"^[\p{Han}\p{Katakana}\p{Latin}\p{Nd}]")


def columns_of(text: str) -> int:
    """How wide it is, in columns."""
    return max(0, int(wcswidth(text.replace("\n", " "))))


def parts(text: str, columns: int) -> tuple[Part, ...]:
    """The readable `text` as parts, in order; none is wider than `columns`."""
    found: list[Part] = []
    pieces = [(piece[0], piece.start()) for piece in _PIECE.finditer(text)]
    begun = 0  # index of the piece that the current part began with
    for index, (piece, at) in enumerate(pieces):
        following = pieces[index + 1][0] if index + 1 < len(pieces) else "\n"
        if piece in " \n\u200b":
            begun = index + 1
            continue
        start = pieces[begun][1]
        here = text[start : at + len(piece)]
        ahead = columns_of(here + following) > columns if following not in " \n\u200b" else False
        if following in " \n\u200b" or ahead or _breaks(here, piece, following):
            glue = "" if following not in " \n\u200b" else following.replace("\n", " ")
            after = pieces[index + 2][0] if glue and index + 2 < len(pieces) else following
            border = Border.SENTENCE if following == "\n" else _border(here, after, glue)
            if ahead and not _breaks(here, piece, following):
                border = Border.LETTER
            found.append(Part(here, start, at + len(piece), glue, border, columns_of(here)))
            begun = index + 1
    return tuple(found)


def _breaks(here: str, piece: str, following: str) -> bool:
    """Whether a line may break between two pieces that no space parts."""
    if _NOT_FIRST.match(following) or _NOT_LAST.search(piece):
        return False
    if _FREE.match(piece) or _FREE.match(following):
        return True
    return bool(_HYPHEN.search(here[-2:]) or _DASH.search(piece))


def _border(here: str, after: str, glue: str) -> Border:
    if _END_OF_SENTENCE.search(here) and not _goes_on(here, after):
        return Border.SENTENCE
    if _END_OF_CLAUSE.search(here):
        return Border.CLAUSE
    if glue == " ":
        return Border.CLAUSE if _WORDLESS.match(here[-1]) else Border.WORD  # Thai has spaces between phrases
    if glue or not _FREE.match(here[-1:]):
        return Border.WORD
    # In Japanese a phrase ends with Hiragana, and the next begins with something else.
    return Border.WORD if _HIRAGANA.match(here[-1]) and _CONTENT.match(after) else Border.LETTER


def _goes_on(here: str, after: str) -> bool:
    """Whether that full stop ends a short form and no sentence."""
    return bool(_FULL_STOP.search(here) and (_GOES_ON.match(after) or _SHORT.search(here)))
