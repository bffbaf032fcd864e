"""Text as somebody wrote it comes in; what of it can be read on a screen goes out, before it is cut into cues."""

from __future__ import annotations

import unicodedata
from typing import Final

import regex

_MOST_MARKS: Final = 6  # on one letter: no language has more, and a tower of them would leave the caption's box
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_JOINED: Final = "".join(
    rf"\p{{{script}}}"
    for script in (
        *("Arab", "Syrc", "Mong", "Nkoo", "Adlm", "Rohg", "Phag", "Mand"),
        *("Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh", "Mymr", "Khmr", "Tibt"),
    )
)
"""Scripts in which a joiner says how the letter beside it looks."""

_LINES: Final = regex.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_FLAG: Final = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]+\U000e007f"  # such as Scotland's
_UNSEEN: Final = regex.compile(
    rf"(?P<kept>{_FLAG})"
    r"|[\p{Cc}\p{Cs}--[\n\t]]"
    r"|[\p{Cf}--[\u200b\u200c\u200d\u200e\u200f\u061c\p{Prepended_Concatenation_Mark}]]"  # overrides and embeddings too
    r"|[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]|\p{Noncharacter_Code_Point}",
    regex.V1,
)
_JOINERS: Final = regex.compile(
    rf"(?P<kept>(?<=[{_JOINED}])[{_ZWNJ}{_ZWJ}]|[{_ZWNJ}{_ZWJ}](?=[{_JOINED}])"
    rf"|(?<=[\p{{Extended_Pictographic}}\p{{Emoji_Modifier}}\ufe0f]){_ZWJ}(?=\p{{Extended_Pictographic}})"
    r"|(?<=\p{LB=SA})\u200b(?=\p{LB=SA})"  # between words of Thai, Khmer and their like
    rf")|[{_ZWNJ}{_ZWJ}\u200b]"
)
_VARIANTS: Final = regex.compile(
    r"(?P<kept>(?<=\p{Emoji})[\ufe0e\ufe0f]|(?<=[\p{Han}\p{Mymr}\p{Phag}])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
    r"|(?<=\p{Mong})[\u180b-\u180d\u180f])"
    r"|[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d\u180f]"
)
_TOWER: Final = regex.compile(rf"(\p{{M}}{{{_MOST_MARKS}}})\p{{M}}+")
_BASELESS: Final = regex.compile(r"(?<![^\s])\p{M}+")
_SPACES: Final = regex.compile(r"[^\S\n\u00a0\u202f]+")
_AROUND_LINES: Final = regex.compile(r"\s*\n\s*")
_SEEN: Final = regex.compile(r"[^\s\p{Cf}\p{M}]")


def readable(text: str) -> str:
    """The text in NFC, with single spaces, and line ends only where it had some; empty where nothing would be seen.

    Gone is what has no picture, and what would turn other text round: control characters, overrides and embeddings of
    direction, hidden letters, fillers. Joiners and variation selectors stay where a script or an emoji needs them, and
    marks of direction (U+200E, U+200F, U+061C), which touch what they stand by alone. Markup is text like any other.
    """
    text = unicodedata.normalize("NFC", _LINES.sub("\n", text))
    text = _UNSEEN.sub(_kept, text)
    for pattern in (_JOINERS, _VARIANTS):
        text = pattern.sub(_kept, text)
    text = _BASELESS.sub("", _TOWER.sub(r"\1", text))
    text = _AROUND_LINES.sub("\n", _SPACES.sub(" ", text)).strip()
    return text if _SEEN.search(text) else ""


def _kept(found: regex.Match[str]) -> str:
    return found["kept"] or ""
