"""Loudness by ITU-R BS.1770-4: speech of any level comes in, speech of the wanted one goes out, its peaks held down."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

Samples = NDArray[np.float32]

TRUE_PEAK_DB: Final = -1.0  # dBTP
_CEILING: Final = 10 ** (TRUE_PEAK_DB / 20)
_OVERSAMPLED: Final = 4  # as the standard measures true peaks
_ATTACK_S: Final = 0.01  # gain goes down so long before a peak, and up again as long after it
_BLOCK_S: Final = 0.4
_CLOSE_LU: Final = 0.1
_MOST_DB: Final = 60.0  # more gain than that is given to what is nearly nothing but peaks
_ROUNDS: Final = 12  # limiting takes loudness away, so gain and limiter are found by turns


def measured(samples: Samples, rate: int) -> float:
    """Integrated loudness in LUFS; -inf for silence. What is shorter than a block of 400 ms counts as one block."""
    import pyloudnorm

    seconds = len(samples) / rate
    if not len(samples) or not np.any(samples):
        return float("-inf")
    # The K-weighting of "DeMan" is the standard's own; that of "K-weighting" only comes close to it.
    meter = pyloudnorm.Meter(rate, filter_class="DeMan", block_size=min(_BLOCK_S, (len(samples) - 0.5) / rate))
    if seconds < _BLOCK_S:
        meter.overlap = 0.0
    return float(meter.integrated_loudness(samples.astype(np.float64)))


def true_peak(samples: Samples) -> float:
    """The highest level between and on samples, 1.0 being full scale."""
    return float(_envelope(samples.astype(np.float64)).max(initial=0.0))


def normalised(samples: Samples, rate: int, lufs: float) -> Samples:
    """The same at `lufs`, with no true peak above -1 dBTP; silence stays silence. float32 (N,) to float32 (N,).

    Peaks are held down by a gain that sinks and rises smoothly around them, never cut off. Sound that is nearly all
    peaks, such as clicks, comes out softer than asked.
    """
    loudness = measured(samples, rate)
    if not np.isfinite(loudness):
        return samples
    source = samples.astype(np.float64)
    peaks = _envelope(source)
    gain_db = lufs - loudness
    for _ in range(_ROUNDS):
        made = _limited(source, peaks, gain_db, rate)
        short = lufs - measured(made, rate)
        if abs(short) <= _CLOSE_LU or gain_db > _MOST_DB:
            break
        gain_db += short
    # A gain that changes moves peaks between samples by a trace.
    return np.asarray(made * min(1.0, _CEILING / max(true_peak(made), _CEILING)), np.float32)


def _limited(samples: NDArray[np.float64], peaks: NDArray[np.float64], gain_db: float, rate: int) -> Samples:
    """Louder by `gain_db`, with a gain that is lower around each of `peaks` that would be too high."""
    factor = 10 ** (gain_db / 20)
    if factor * peaks.max() <= _CEILING:
        return np.asarray(samples * factor, np.float32)
    reach = max(round(_ATTACK_S * rate), 1)
    needed = np.minimum(factor, _CEILING / np.maximum(peaks, 1e-12))
    window = np.hanning(2 * reach + 3)[1:-1]
    # Each value that the mean takes is the least within reach of its own place, so the mean is nowhere above `needed`.
    from scipy.signal import oaconvolve  # a second to import, which no start need wait for

    gain = oaconvolve(minimum_filter1d(np.pad(needed, reach, mode="edge"), 2 * reach + 1), window, mode="valid")
    return np.asarray(samples * gain / window.sum(), np.float32)


def _envelope(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest absolute level from each sample to the next, (N,) to (N,)."""
    if not len(samples):
        return samples
    from scipy.signal import resample_poly  # a second to import, which no start need wait for

    between = np.abs(resample_poly(samples, _OVERSAMPLED, 1)).reshape(-1, _OVERSAMPLED).max(axis=1)
    found: NDArray[np.float64] = np.maximum(between, np.abs(samples))
    return found
