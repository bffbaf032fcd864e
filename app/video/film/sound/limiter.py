"""Sound that may be too high comes in, the gain that keeps each sample's true peak under a ceiling goes out."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from app.video.film.sound.loudness import true_peaks
from app.video.film.sound.samples import RATE, Samples, Sound

_REACH: Final = RATE // 100  # samples over which the gain goes down, and up again
MARGIN: Final = 2 * _REACH + 16
"""Samples on either side that decide on a sample, those of the interpolation included."""


def limited(sound: Sound, ceiling: float) -> Sound:
    """The same, no true peak above `ceiling` (linear); quieter for 10 ms before and after those that were.

    The gain of a sample is a mean over gains each of which would be low enough for it: so none is ever too late.
    """
    # Between samples it can be higher than at them, yet hardly twice.
    if len(sound) == 0 or float(np.abs(sound).max()) <= ceiling / 2:
        return sound
    needed = np.minimum(1.0, ceiling / np.maximum(true_peaks(sound), 1e-9))
    if float(needed.min()) >= 1.0:
        return sound
    width = 2 * _REACH + 1
    lowest = minimum_filter1d(needed.astype(np.float64), width, mode="nearest")
    gain = uniform_filter1d(lowest, width, mode="nearest")
    found: Sound = (sound * gain).astype(np.float32)
    return found


def limited_piece(samples: Samples, start: int, count: int, gain: float, ceiling: float) -> Sound:
    """A piece of a long track, made louder and limited, as if all of it had been at once."""
    around = samples.read(start - MARGIN, count + 2 * MARGIN) * np.float32(gain)
    return limited(around, ceiling)[MARGIN : MARGIN + count]
