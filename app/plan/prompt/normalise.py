"""A prompt as typed comes in, the prompt as planned, cached and encoded goes out: repaired, trimmed, checked."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import ftfy

from app.errors import InvalidRequest

_KEPT_FORMATS: Final = frozenset("\u200c\u200d")  # joiners: emoji families, Persian, Indic scripts
_FLAG: Final = re.compile("(\U0001f3f4[\U000e0030-\U000e007a]{1,9}\U000e007f)")
"""The flag of a region, as England's, which tags that are not seen spell behind a black flag."""
_FIXES: Final = ftfy.TextFixerConfig(  # what is broken; a model whose own pipeline changes more does so itself
    unescape_html=False, uncurl_quotes=False, fix_character_width=False, fix_latin_ligatures=False
)
_SLACK: Final = 4  # a raw prompt this many times too long is refused unread
_ROUNDS: Final = 4  # repairs can uncover one another


def normalised(prompt: str, most_chars: int, param: str = "prompt") -> str:
    """Mojibake repaired, white space collapsed, control characters removed; normalising again changes nothing.

    Punctuation, quotes, widths, ligatures and emoji stay as they are.

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
        repaired = ftfy.fix_text(prompt, _FIXES)
        parts = enumerate(_FLAG.split(repaired))  # every other one is a flag
        seen = "".join(part if number % 2 else "".join(map(_kept, part)) for number, part in parts)
        prompt = unicodedata.normalize("NFC", " ".join(seen.split()))
        if prompt == before:
            break
    return prompt


def _kept(char: str) -> str:
    """The character, a space for a white one, nothing for a control, a lone surrogate or a hidden format mark."""
    if char.isspace():
        return " "
    kept = char in _KEPT_FORMATS or unicodedata.category(char) not in ("Cc", "Cs", "Cf")
    return char if kept else ""
