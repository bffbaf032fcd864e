"""A recogniser of single words: each is compared with how others say the words it could be (dynamic time warping)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.signal import stft

Sound = NDArray[np.float32]
_BANDS, _KEPT = 26, 13


def features(sound: Sound, rate: int) -> NDArray[np.float64]:
    """Mel cepstra without their mean, (frames, 13): what is said, hardly who says it or how loud."""
    frequencies, _, spectrum = stft(sound, rate, nperseg=int(0.025 * rate), noverlap=int(0.015 * rate))
    mel = 2595 * np.log10(1 + frequencies / 700)
    edges = np.linspace(mel[1], 2595 * np.log10(1 + 6000 / 700), _BANDS + 2)
    rise = (mel[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - mel[None]) / (edges[2:] - edges[1:-1])[:, None]
    energy = np.clip(np.minimum(rise, fall), 0, None) @ np.abs(spectrum) ** 2
    cepstra = dct(np.log(energy + 1e-8), axis=0, norm="ortho")[:_KEPT].T
    kept: NDArray[np.float64] = cepstra - cepstra.mean(axis=0)
    return kept


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """How far apart two words are when one is stretched to fit the other."""
    apart = np.linalg.norm(one[:, None] - other[None], axis=2)
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    total[0, 0] = 0.0
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            before = min(total[row - 1, column], total[row, column - 1], total[row - 1, column - 1])
            total[row, column] = apart[row - 1, column - 1] + before
    return float(total[-1, -1]) / (len(one) + len(other))


def recognised(sound: Sound, rate: int, known: Mapping[str, NDArray[np.float64]]) -> str:
    """The word of `known` that sounds most like it."""
    heard = features(sound, rate)
    return min(known, key=lambda word: distance(heard, known[word]))
