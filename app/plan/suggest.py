"""A name that nobody knows and those that are known come in; the one that was probably meant goes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from rapidfuzz import fuzz, process

NEAR = 72.0  # how alike in spelling, 0..100
_LONGEST = 80  # characters that are looked at
_BEGINNING = 3  # letters from which on a beginning is a hint


def nearest(asked: str, known: Iterable[str], meanings: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """The known name that means the same, else the one that is spelt most alike or begins so; None without one.

    Whole names are compared: a short one inside a long one ("n" in "duration") is no likeness.
    """
    names = tuple(known)
    name = asked[:_LONGEST].strip().casefold().replace("-", "_")
    meant = meanings.get(name)
    if meant in names:
        return meant
    found = process.extractOne(name, names, scorer=fuzz.ratio, processor=_plain, score_cutoff=NEAR)
    if found is not None:
        return str(found[0])
    beginning = _plain(name)
    begun = [each for each in names if len(beginning) >= _BEGINNING and _plain(each).startswith(beginning)]
    return min(begun, key=len, default=None)


def did_you_mean(asked: str, known: Iterable[str], meanings: Mapping[str, str] = MappingProxyType({})) -> str:
    """The end of a refusal, with a blank before it; empty where nothing is near."""
    near = nearest(asked, known, meanings)
    return f" Did you mean {near!r}?" if near else ""


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")
