"""Sound comes in piece after piece; how loud it is as a whole comes out, in LUFS (ITU-R BS.1770-4, EBU R 128).

The same figures as pyloudnorm's, which wants all of a film's sound in memory at once.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.video.film.sound.samples import RATE, Sound

_K_WEIGHTING: Final = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)
"""BS.1770-4, tables 1 and 2: the head, and the high pass; for 48 kHz."""
_STEP: Final = RATE // 10  # blocks of 400 ms begin every 100 ms
_STEPS_A_BLOCK: Final = 4
_OFFSET, _ABSOLUTE_GATE, _RELATIVE_GATE = -0.691, -70.0, -10.0
OVERSAMPLED: Final = 4
_TAPS: Final = 12


class LoudnessMeter:
    """Takes sound in any pieces; keeps one figure for each tenth of a second."""

    def __init__(self) -> None:
        self._state = np.zeros((len(_K_WEIGHTING), 2))
        self._rest = np.empty(0)
        self._energies: list[float] = []

    def take(self, sound: Sound) -> None:
        """Go on with the next piece."""
        from scipy.signal import sosfilt  # a second to import, which no start need wait for

        weighted, self._state = sosfilt(_K_WEIGHTING, sound.astype(np.float64), zi=self._state)
        waiting = np.concatenate([self._rest, np.square(weighted)])
        whole = len(waiting) // _STEP
        self._energies.extend(waiting[: whole * _STEP].reshape(whole, _STEP).mean(axis=1).tolist())
        self._rest = waiting[whole * _STEP :]

    def lufs(self) -> float:
        """Integrated loudness of what was taken; minus infinity for silence, and for less than 400 ms."""
        if len(self._energies) < _STEPS_A_BLOCK:
            return -math.inf
        windows = np.lib.stride_tricks.sliding_window_view(np.asarray(self._energies), _STEPS_A_BLOCK)
        blocks = windows.mean(axis=1)
        heard = blocks[blocks > _energy(_ABSOLUTE_GATE)]
        if not len(heard):
            return -math.inf
        loud = heard[heard > heard.mean() * 10 ** (_RELATIVE_GATE / 10)]
        return _OFFSET + 10 * math.log10(float(loud.mean()))


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def _interpolator() -> NDArray[np.float64]:
    """A windowed sinc for four times the rate, of 12 taps a phase as in BS.1770-4, annex 2."""
    reach = OVERSAMPLED * _TAPS // 2
    at = np.arange(-reach, reach + 1)
    return np.sinc(at / OVERSAMPLED) * np.kaiser(len(at), 6.0)


_INTERPOLATOR: Final = _interpolator()


def true_peaks(sound: Sound) -> Sound:
    """The highest value between half a sample before and after each, (N,): what a converter makes of it."""
    from scipy.signal import upfirdn  # a second to import, which no start need wait for

    fine = np.abs(upfirdn(_INTERPOLATOR.astype(np.float32), sound, up=OVERSAMPLED))
    begin = OVERSAMPLED * _TAPS // 2 - OVERSAMPLED // 2  # half a sample before the first
    found: Sound = fine[begin : begin + OVERSAMPLED * len(sound) : OVERSAMPLED].astype(np.float32)
    for shift in range(1, OVERSAMPLED + 1):
        place = begin + shift
        np.maximum(found, fine[place : place + OVERSAMPLED * len(sound) : OVERSAMPLED], out=found)
    return found
