"""A text comes in, parts that a model can speak at once go out: sentences, and where one is too long, pieces of it."""

from __future__ import annotations

import re
from typing import Final

from app.voice.text import is_spoken

_SENTENCE: Final = re.compile(r".*?(?:[.!?…।؟]+[\"')\]]*(?=\s)|[。！？]+[」』）]*|\n\n|$)", re.DOTALL)
_CLAUSE: Final = re.compile(r".*?(?:[,;:،](?=\s)|[、，；：]|$)", re.DOTALL)


def sentences(text: str, most: int) -> list[str]:
    """The parts of `text` in order, without blanks at their ends, of `most` characters at most, each with a letter."""
    parts: list[str] = []
    for sentence in _split(_SENTENCE, text):
        if len(sentence) <= most:
            parts.append(sentence)
        else:
            parts += _packed([piece for clause in _split(_CLAUSE, sentence) for piece in _cut(clause, most)], most)
    return _joined(parts)


def _split(pattern: re.Pattern[str], text: str) -> list[str]:
    return [part for each in pattern.findall(text) if (part := each.strip())]


def _cut(text: str, most: int) -> list[str]:
    """Pieces of whole words, or of the middle of words that are longer than that."""
    words = [word[at : at + most] for word in text.split() for at in range(0, len(word), most)]
    return _packed(words, most)


def _packed(parts: list[str], most: int) -> list[str]:
    packed: list[str] = []
    for part in parts:
        if packed and len(packed[-1]) + 1 + len(part) <= most:
            packed[-1] += f" {part}"
        else:
            packed.append(part)
    return packed


def _joined(parts: list[str]) -> list[str]:
    """With what has nothing to speak in it, such as a dash, at the end of the part before, or before the first."""
    joined: list[str] = []
    before = ""
    for part in parts:
        if any(map(is_spoken, part)):
            joined.append(f"{before} {part}".strip())
            before = ""
        elif joined:
            joined[-1] += f" {part}"
        else:
            before = f"{before} {part}".strip()
    return joined
