"""Speech begins and ends with sound."""

from __future__ import annotations

import numpy as np

from app.types.storyboard import SpokenWord
from app.voice.silence import is_silent, trimmed, without_pauses
from app.voice.voice import Speech

RATE = 16000


def tone(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.3 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def quiet(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (1e-5 * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_silence_at_the_ends_goes_and_words_move_along() -> None:
    sound = np.concatenate([quiet(0.5), tone(1.0), quiet(0.4), tone(0.5), quiet(2.0)])
    speech = trimmed(Speech(sound, RATE, (SpokenWord("one", 0.5, 1.9), SpokenWord("two", 1.9, 4.4))))
    assert 1.9 <= speech.seconds <= 2.05
    one, two = speech.words
    assert abs(one.start_s - 0.03) < 0.011
    assert abs(two.start_s - one.start_s - 1.4) < 1e-6
    assert two.end_s == speech.seconds


def test_a_word_ends_with_its_sound_and_not_with_the_pause_after_it() -> None:
    sound = np.concatenate([tone(0.5), quiet(0.5), tone(0.5)])
    words = without_pauses(Speech(sound, RATE, (SpokenWord("one", 0.0, 1.0), SpokenWord("two", 1.0, 1.5))))
    assert 0.5 <= words[0].end_s <= 0.53
    assert words[1].end_s == 1.5


def test_what_is_silent_all_along_is_told_and_left_as_it_is() -> None:
    for sound in (np.zeros(0, np.float32), np.zeros(999, np.float32), quiet(1.0)):
        assert is_silent(sound)
        assert trimmed(Speech(sound, RATE)).samples is sound
    assert not is_silent(tone(0.01))


def test_sound_without_silence_stays_whole() -> None:
    assert trimmed(Speech(tone(0.3), RATE)).seconds == 0.3
