"""When the words of a narration are heard: from what the voice says of it, else spread over it by their length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from app.types.storyboard import SpokenWord
from app.voice.text import is_spoken, is_unspaced, spans

_PAUSES: Final = dict.fromkeys(".!?。！？…؟।", 4.0) | dict.fromkeys(",;:、，；：،—–", 2.0)
_ON_ITS_OWN: Final = 0.2  # of a letter: a word in which there is nothing to speak
_SYLLABLE: Final = 2.5  # letters that a sign of Chinese or a kana is worth


def spread(text: str, start_s: float, end_s: float) -> tuple[SpokenWord, ...]:
    """The words of `text` one after another from `start_s` to `end_s`, each as long as its letters take to say."""
    places = spans(text)
    return tuple(_fill(text, places, start_s, end_s))


def placed(text: str, marks: Iterable[tuple[int, float]], seconds: float) -> tuple[SpokenWord, ...]:
    """The words of `text`, which lasts `seconds`, by `marks`: (position in it, when what stands there is heard).

    Of several marks in one word the first counts; words without one share the time up to the next that has one. Each
    lasts until the next begins.
    """
    earliest: dict[int, float] = {}
    for position, at in marks:
        earliest[position] = min(at, earliest.get(position, at))
    places = spans(text, earliest.keys())
    heard = [min((earliest[at] for at in range(*place) if at in earliest), default=None) for place in places]
    words: list[SpokenWord] = []
    begun = 0
    since = min(max((heard[0] if heard else None) or 0.0, 0.0), seconds)
    for number in range(1, len(places) + 1):
        next_s = heard[number] if number < len(places) else seconds
        if next_s is not None:
            at = min(max(next_s, since), seconds)
            words += _fill(text, places[begun:number], since, at)
            begun, since = number, at
    return tuple(words)


def moved(words: Sequence[SpokenWord], by_s: float, seconds: float) -> tuple[SpokenWord, ...]:
    """The same so much later (negative: earlier), within a narration of `seconds`."""
    return tuple(
        replace(
            word,
            start_s=min(max(word.start_s + by_s, 0.0), seconds),
            end_s=min(max(word.end_s + by_s, 0.0), seconds),
        )
        for word in words
    )


def _fill(text: str, places: Sequence[tuple[int, int]], start_s: float, end_s: float) -> list[SpokenWord]:
    pieces = [text[first:end] for first, end in places]
    total = sum(map(_weight, pieces)) or 1.0
    edges = [start_s + (end_s - start_s) * done / total for done in accumulate(map(_weight, pieces), initial=0.0)]
    edges[-1] = end_s
    return [SpokenWord(piece, edges[n], edges[n + 1]) for n, piece in enumerate(pieces)]


def _weight(piece: str) -> float:
    """How long it takes to say, in letters, the pause after it included."""
    letters = sum(_SYLLABLE if is_unspaced(char) else 1.0 for char in piece if is_spoken(char))
    return max(letters, _ON_ITS_OWN) + 1.0 + max((_PAUSES.get(char, 0.0) for char in piece[-2:]), default=0.0)
