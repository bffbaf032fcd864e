"""How long a narration will be before anybody has spoken it: a text and a speed come in, seconds go out; pure."""

from __future__ import annotations

import unicodedata
from typing import Final

LETTER_S: Final = 0.066  # of an alphabet: some 150 words a minute
SYLLABLE_S: Final = 0.22  # of a script that writes a syllable or word as one sign
STOP_S: Final = 0.35  # behind a sentence
BREATH_S: Final = 0.15  # behind a part of one

_STOPS: Final = frozenset(".!?…。！？।؟")
_BREATHS: Final = frozenset(",;:—–、，；：،")
_SYLLABIC: Final = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")


def estimated_s(text: str, speed: float = 1.0) -> float:
    """Seconds that a voice takes for a text, give or take a third; 0 of one without a letter or figure."""
    beats = sum(_beat(char) for char in text)
    if not any(char.isalnum() for char in text):
        return 0.0
    return beats / speed


def _beat(char: str) -> float:
    if char in _STOPS:
        return STOP_S
    if char in _BREATHS:
        return BREATH_S
    if not char.isascii() and unicodedata.name(char, "").startswith(_SYLLABIC):
        return SYLLABLE_S
    return LETTER_S if char.isprintable() else 0.0
