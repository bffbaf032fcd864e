"""Silence in speech: what comes from a voice goes in, without it at both ends it comes out, its words moved along."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.types.storyboard import SpokenWord
from app.voice.voice import Speech
from app.voice.words import moved

_FRAME_S: Final = 0.01
_BELOW_DB: Final = -45.0  # under the loudest frame
_FLOOR: Final = 1e-4  # of full scale: -80 dBFS
_BEFORE_S, _AFTER_S = 0.03, 0.08  # kept at the ends: plosives begin softly, and words fade


def is_silent(samples: NDArray[np.float32]) -> bool:
    """Whether nobody would hear anything. `samples`: float32 (N,)."""
    return not len(samples) or float(np.abs(samples).max()) < 10 * _FLOOR


def trimmed(speech: Speech) -> Speech:
    """The speech from its first sound to its last; unchanged where there is none."""
    loud = np.flatnonzero(_loud(speech.samples, speech.rate))
    if not len(loud):
        return speech
    frame = _frame(speech.rate)
    first = max(int(loud[0]) * frame - round(_BEFORE_S * speech.rate), 0)
    end = min((int(loud[-1]) + 1) * frame + round(_AFTER_S * speech.rate), len(speech.samples))
    kept = replace(speech, samples=speech.samples[first:end])
    return replace(kept, words=moved(speech.words, -first / speech.rate, kept.seconds))


def without_pauses(speech: Speech) -> tuple[SpokenWord, ...]:
    """Its words, each ending where its sound does, and not where the next begins."""
    loud, frame = _loud(speech.samples, speech.rate), _frame(speech.rate)
    words = []
    for word in speech.words:
        first, end = (int(at * speech.rate / frame) for at in (word.start_s, word.end_s))
        heard = np.flatnonzero(loud[first:end])
        last_s = (first + int(heard[-1]) + 2) * frame / speech.rate if len(heard) else word.end_s
        words.append(replace(word, end_s=min(last_s, word.end_s)))
    return tuple(words)


def _frame(rate: int) -> int:
    return max(round(_FRAME_S * rate), 1)


def _loud(samples: NDArray[np.float32], rate: int) -> NDArray[np.bool_]:
    """Which frames are heard, bool (ceil(N / frame),)."""
    frame = _frame(rate)
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % frame)).reshape(-1, frame)
    level = np.sqrt((padded**2).mean(axis=1))
    if not len(level):
        return np.zeros(0, bool)
    heard: NDArray[np.bool_] = level > max(level.max() * 10 ** (_BELOW_DB / 20), _FLOOR)
    return heard
