"""A prompt as typed comes in, the prompt as planned, cached and encoded goes out: repaired, trimmed, checked."""

from __future__ import annotations

import unicodedata
from typing import Final

import ftfy

from app.errors import InvalidRequest

_KEPT_FORMATS: Final = frozenset("\u200c\u200d")  # joiners: emoji families, Persian, Indic scripts
_SLACK: Final = 4  # a raw prompt this many times too long is refused unread
_ROUNDS: Final = 4  # repairs can uncover one another


def normalised(prompt: str, most_chars: int, param: str = "prompt") -> str:
    """Mojibake repaired, white space collapsed, control characters removed; normalising again changes nothing.

    Raises:
        InvalidRequest: longer than `most_chars` characters, with code "prompt_too_long".
    """
    if len(prompt) <= _SLACK * most_chars:
        clean = _clean(prompt)
        if len(clean) <= most_chars:
            return clean
    message = f"The {param} is too long: at most {most_chars} characters."
    raise InvalidRequest(message, param=param, code="prompt_too_long")


def required(prompt: str, most_chars: int) -> str:
    """As `normalised`, and something must be left to see. Raises InvalidRequest."""
    clean = normalised(prompt, most_chars)
    if not clean.strip("".join(_KEPT_FORMATS) + " "):
        raise InvalidRequest("The prompt is empty: say what the video should show.", param="prompt")
    return clean


def _clean(prompt: str) -> str:
    for _ in range(_ROUNDS):
        before = prompt
        repaired = ftfy.fix_text(prompt, unescape_html=False)
        prompt = unicodedata.normalize("NFC", " ".join("".join(map(_kept, repaired)).split()))
        if prompt == before:
            break
    return prompt


def _kept(char: str) -> str:
    """The character, a space for a white one, nothing for a control, a lone surrogate or a hidden format mark."""
    if char.isspace():
        return " "
    return char if char in _KEPT_FORMATS or unicodedata.category(char) not in ("Cc", "Cs", "Cf") else ""
