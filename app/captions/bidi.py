"""A line in the order it is read comes in; the order in which its pieces stand on the screen goes out (UAX #9).

The rules for text without embeddings, overrides and isolates: readable text has none of these.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Final

_BRACKETS: Final = (
    "()[]{}⁅⁆⁽⁾₍₎⌈⌉⌊⌋〈〉❨❩❪❫❬❭❮❯❰❱❲❳❴❵⟅⟆⟦⟧⟨⟩⟪⟫⟬⟭"
    "⟮⟯⦃⦄⦅⦆⦇⦈〈〉《》「」『』【】〔〕〖〗〘〙〚〛﹙﹚﹛﹜﹝﹞（）［］｛｝｟｠｢｣"
)
_CLOSING: Final = dict(zip(_BRACKETS[::2], _BRACKETS[1::2], strict=True))
_STRONG: Final = {"L": "L", "R": "R", "EN": "R", "AN": "R"}  # what neutral text takes numbers for
_RIGHT_TO_LEFT: Final = frozenset({"ar", "he", "fa", "ur", "ps", "sd", "ug", "yi", "dv", "ku", "ckb", "syr", "nqo"})


def base_level(text: str, language: str = "") -> int:
    """1 where a text is read from the right: it has letters for that, and its language or its first letter says so."""
    strong = [kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")]
    if language.replace("_", "-").split("-")[0].lower() in _RIGHT_TO_LEFT:
        return int(any(kind != "L" for kind in strong))
    return int(bool(strong) and strong[0] != "L")


def levels(line: str, base: int) -> list[int]:
    """The embedding level of each character: odd ones run from right to left."""
    outside = "R" if base else "L"
    kinds = _numbers(_marks([unicodedata.bidirectional(letter) or "L" for letter in line], outside), outside)
    _brackets(line, kinds, outside)
    _neutrals(kinds, outside)
    return [_level(kind, base) for kind in kinds]


def visual_order(levels_of_runs: Sequence[int]) -> list[int]:
    """The indices of runs from left to right (rule L2)."""
    order = list(range(len(levels_of_runs)))
    for level in range(max(levels_of_runs, default=0), 0, -1):
        turned: list[int] = []
        for high, some in groupby(order, key=lambda index: levels_of_runs[index] >= level):
            stretch = list(some)
            turned += reversed(stretch) if high else stretch
        order = turned
    return order


def _marks(kinds: list[str], outside: str) -> list[str]:
    """W1, and what has no direction at all taken for a mark."""
    before = outside
    for place, kind in enumerate(kinds):
        if kind in ("NSM", "BN"):
            kinds[place] = before
        before = kinds[place]
    return kinds


def _numbers(kinds: list[str], outside: str) -> list[str]:
    """W2 to W7."""
    strong = outside
    for place, kind in enumerate(kinds):
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[place] = "AN"
    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for place in range(1, len(kinds) - 1):
        before, kind, after = kinds[place - 1 : place + 2]
        if before == after and (kind == "CS" and before in ("EN", "AN") or kind == "ES" and before == "EN"):
            kinds[place] = before
    kinds = _terminators(kinds)
    strong = outside
    for place, kind in enumerate(kinds):
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[place] = "L"
        elif kind in ("ES", "ET", "CS"):
            kinds[place] = "ON"
    return kinds


def _terminators(kinds: list[str]) -> list[str]:
    """W5: currency and percent signs belong to the number beside them."""
    done: list[str] = []
    stretches = [(kind, len(list(some))) for kind, some in groupby(kinds)]
    for index, (kind, length) in enumerate(stretches):
        beside = {stretches[at][0] for at in (index - 1, index + 1) if 0 <= at < len(stretches)}
        done += ["EN" if kind == "ET" and "EN" in beside else kind] * length
    return done


def _brackets(line: str, kinds: list[str], outside: str) -> None:
    """N0: both brackets of a pair go with what is inside of them."""
    for opening, closing in _pairs(line, kinds):
        inside = {_STRONG[kind] for kind in kinds[opening + 1 : closing] if kind in _STRONG}
        if outside in inside:
            found = outside
        elif inside:
            before = next((_STRONG[kind] for kind in reversed(kinds[:opening]) if kind in _STRONG), outside)
            found = before if before in inside else outside
        else:
            continue
        kinds[opening] = kinds[closing] = found


def _pairs(line: str, kinds: Sequence[str]) -> list[tuple[int, int]]:
    waiting: list[tuple[str, int]] = []
    found: list[tuple[int, int]] = []
    for place, letter in enumerate(line):
        if kinds[place] != "ON":
            continue
        if letter in _CLOSING:
            waiting.append((_CLOSING[letter], place))
        elif letter in (closers := [closer for closer, _ in waiting]):
            at = len(closers) - 1 - closers[::-1].index(letter)
            found.append((waiting[at][1], place))
            del waiting[at:]
    return sorted(found)


def _neutrals(kinds: list[str], outside: str) -> None:
    """N1 and N2: between two of one direction, that one; else the line's."""
    place = 0
    for neutral, some in groupby(list(kinds), key=lambda kind: kind not in _STRONG):
        length = len(list(some))
        if neutral:
            before = _STRONG[kinds[place - 1]] if place else outside
            after = _STRONG[kinds[place + length]] if place + length < len(kinds) else outside
            kinds[place : place + length] = [before if before == after else outside] * length
        place += length


def _level(kind: str, base: int) -> int:
    if base:
        return base if kind == "R" else base + 1
    return {"L": base, "R": base + 1}.get(kind, base + 2)
