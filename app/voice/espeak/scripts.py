"""Which scripts espeak-ng reads in which languages: elsewhere it says "Chinese letter" for each sign, or spells."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from app.errors import InvalidRequest
from app.voice.languages import primary
from app.voice.text import is_spoken

_ANYWHERE: Final = frozenset(
    (
        *("LATIN", "ARMENIAN", "GEORGIAN", "HANGUL", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL"),
        *("TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "DIGIT", "FULLWIDTH", "SUPERSCRIPT", "SUBSCRIPT", "VULGAR"),
        *("FEMININE", "MASCULINE", "MICRO", "MODIFIER"),
    )
)
"""First words of letters' names. Letters of other languages than the voice's own are then read as in theirs."""
_CYRILLIC: Final = ("ru", "uk", "be", "bg", "mk", "sr", "hbs", "kk", "ky", "tt", "ba", "cv", "nog", "uz", "kaa")
_ARABIC: Final = ("ar", "fa", "ur", "sd", "ug")
_READERS: Final[Mapping[str, Collection[str]]] = MappingProxyType(
    {
        "CYRILLIC": _CYRILLIC,
        "GREEK": ("el", "grc"),
        "HEBREW": ("he",),
        "ARABIC": _ARABIC,
        "EXTENDED": _ARABIC,  # "extended Arabic-Indic digit"
        "ARABIC-INDIC": _ARABIC,
        "THAI": ("th",),
        "MYANMAR": ("my", "shn"),
        "ETHIOPIC": ("am", "ti", "om"),
        "CHEROKEE": ("chr",),
        "SHAVIAN": ("en",),
        "HIRAGANA": ("ja",),
        "KATAKANA": ("ja",),
        "KATAKANA-HIRAGANA": ("ja",),
        "CJK": ("cmn", "yue", "hak", "zh"),
    }
)


def check_script(text: str, language: str) -> None:
    """Raises InvalidRequest (`language`): most letters of `text` are of scripts that are not read in `language`."""
    letters = Counter(char for char in text if is_spoken(char))
    strange: Counter[str] = Counter()
    for char, count in letters.items():
        if not _reads(language, _script(char)):
            strange[_script(char)] += count
    if 2 * strange.total() > letters.total():
        name = strange.most_common(1)[0][0]
        what = "Han" if name == "CJK" else name.title()
        others = ", ".join(sorted(_READERS.get(name, ())))
        may = f"its language may be one of {others}" if others else "no language here is written in it"
        raise InvalidRequest(f"The voice cannot read {what} script in `{language}`: {may}.", "language")


def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0]


def _reads(language: str, script: str) -> bool:
    return script in _ANYWHERE or primary(language) in _READERS.get(script, ())
