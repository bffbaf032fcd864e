from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from app.video.film.sound.loudness import LoudnessMeter, true_peaks

RATE = 48_000
pyloudnorm: Any = pytest.importorskip("pyloudnorm")


def sine(hertz: float, seconds: float, level: float, phase: float = 0.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    at = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * at + phase)).astype(np.float32)


def lufs(sound: Any, piece: int = 7777) -> float:
    meter = LoudnessMeter()
    for start in range(0, len(sound), piece):
        meter.take(sound[start : start + piece])
    return meter.lufs()


def test_a_sine_of_997_hz_at_full_scale_is_at_minus_three_lufs() -> None:
    assert lufs(sine(997, 5, 1.0)) == pytest.approx(-3.01, abs=0.02)  # BS.1770-4, annex 1


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_pyloudnorm_on_sound_with_pauses(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.standard_normal(rng.integers(RATE // 2, 3 * RATE)) * 10 ** rng.uniform(-4, -0.7) for _ in range(6)]
    sound = np.concatenate([*parts, np.zeros(4 * RATE)]).astype(np.float32)
    assert lufs(sound) == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(sound.astype(float)), abs=0.1)


def test_pieces_of_any_length_give_the_same() -> None:
    sound = np.random.default_rng(1).standard_normal(3 * RATE).astype(np.float32) * 0.1
    assert {round(lufs(sound, piece), 9) for piece in (100, 4800, 99_999, 3 * RATE)} == {round(lufs(sound), 9)}


def test_silence_and_a_moment_have_no_loudness() -> None:
    assert lufs(np.zeros(RATE, np.float32)) == -math.inf
    assert lufs(sine(997, 0.3, 1.0)) == -math.inf
    assert lufs(np.empty(0, np.float32)) == -math.inf


@pytest.mark.parametrize("hertz", [997.0, 6000.0, 11_900.0, 12_000.0, 19_000.0])
def test_a_peak_between_two_samples_is_found(hertz: float) -> None:
    found = true_peaks(sine(hertz, 0.2, 0.5, phase=math.pi / 4))
    assert len(found) == round(0.2 * RATE)
    assert 20 * math.log10(found[200:-200].max() / 0.5) == pytest.approx(0, abs=0.5)


def test_a_peak_is_found_where_it_is() -> None:
    click = np.zeros(1000, np.float32)
    click[400] = 0.8
    found = true_peaks(click)
    assert int(found.argmax()) == 400
    assert found[400] == pytest.approx(0.8, abs=1e-3)
    assert found[:380].max() < 0.02
