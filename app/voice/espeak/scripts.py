"""Which scripts espeak-ng reads in which languages: elsewhere it says "Chinese letter" for each sign, or spells."""

from __future__ import annotations

import unicodedata
from types import MappingProxyType
from typing import Final

from app.errors import InvalidRequest
from app.voice.languages import primary
from app.voice.text import is_spoken

_ANYWHERE: Final = frozenset(
    "LATIN ARMENIAN GEORGIAN HANGUL DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA "
    "DIGIT FULLWIDTH SUPERSCRIPT SUBSCRIPT VULGAR FEMININE MASCULINE MICRO MODIFIER".split()
)  # letters of other languages than the voice's own are then read as in theirs
_READERS: Final = MappingProxyType(
    {
        "CYRILLIC": frozenset("ru uk be bg mk sr hbs kk ky tt ba cv nog uz kaa".split()),
        "GREEK": frozenset(("el", "grc")),
        "HEBREW": frozenset(("he",)),
        "ARABIC": frozenset(("ar", "fa", "ur", "sd", "ug")),
        "EXTENDED": frozenset(("ar", "fa", "ur", "sd", "ug")),  # "extended Arabic-Indic digit"
        "ARABIC-INDIC": frozenset(("ar", "fa", "ur", "sd", "ug")),
        "THAI": frozenset(("th",)),
        "MYANMAR": frozenset(("my", "shn")),
        "ETHIOPIC": frozenset(("am", "ti", "om")),
        "CHEROKEE": frozenset(("chr",)),
        "SHAVIAN": frozenset(("en",)),
        "HIRAGANA": frozenset(("ja",)),
        "KATAKANA": frozenset(("ja",)),
        "KATAKANA-HIRAGANA": frozenset(("ja",)),
        "CJK": frozenset(("cmn", "yue", "hak", "zh")),
    }
)


def check_script(text: str, language: str) -> None:
    """Raises InvalidRequest, whose param is `language`: most letters of `text` are of scripts it cannot be read from."""
    letters = [char for char in text if is_spoken(char)]
    strange = [script for script in map(_script, letters) if not _reads(language, script)]
    if 2 * len(strange) > len(letters):
        name = max(sorted(set(strange)), key=strange.count)
        what = "Han" if name == "CJK" else name.capitalize()
        others = ", ".join(sorted(_READERS.get(name, ())))
        may = f"its language may be one of {others}" if others else "no language here is written in it"
        raise InvalidRequest(f"The voice cannot read {what} script in `{language}`: {may}.", "language")


def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0]


def _reads(language: str, script: str) -> bool:
    return script in _ANYWHERE or primary(language) in _READERS.get(script, ())
