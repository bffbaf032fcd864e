"""Two frames come in, pictures between them go out, moved along the optical flow that OpenCV's DIS finds.

Both frames' flows are carried to the moment, where those that agree forwards and backwards outweigh those that do not;
each frame is then warped there, and what one of them does not show is taken from the other. Sources: Kroeger et al.,
"Fast Optical Flow using Dense Inverse Search" (2016); Baker et al., "A Database and Evaluation Methodology for Optical
Flow" (2011), section 3.3.2, for carrying flows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""sRGB, (H, W, 3)."""
Plane = NDArray[np.float32]

VERSION: Final = "dis-1"
"""Part of the results' keys: another one is due when the same frames would give other bits."""

_SMALL: Final = 320 * 320  # pixels up to which flow is sought at full size; above, at half
_LEAST_SIDE: Final = 24  # pixels: below, DIS has no room for its patches
_DISAGREES: Final = 1.0  # pixels that forward and backward flow may differ by before they count as disagreeing
_UNLIKELY: Final = np.float32(1e-3)  # the weight of a flow that its way back denies
_OTHER: Final = np.float32(0.02)  # what a frame still adds where the other one alone shows the place


@cache
def _one_thread() -> None:
    """DIS searches in as many stripes as there are threads, so that its bits would follow their number."""
    cv2.setNumThreads(1)
    cv2.ocl.setUseOpenCL(False)


class FlowInterpolator:
    """Makes the pictures between two frames. The same frames give the same bits on the same kind of processor."""

    def __init__(self) -> None:
        _one_thread()
        self._search: dict[bool, Any] = {}

    def between(self, first: Picture, second: Picture, moments: Sequence[float]) -> Iterator[Picture]:
        """A picture for each moment 0 < t < 1 of the way from `first` to `second`, uint8 (H, W, 3) each."""
        if np.array_equal(first, second) or min(first.shape[:2]) < _LEAST_SIDE:
            yield from (_blended(first, second, moment) for moment in moments)
            return
        grey_first, grey_second = _greys(first, second)
        there, back = self._flow(grey_first, grey_second), self._flow(grey_second, grey_first)
        pair = _Pair(first, second, there, back)
        for moment in moments:
            yield pair.at(moment)

    def _flow(self, first: Picture, second: Picture) -> Plane:
        small = first.shape[0] * first.shape[1] <= _SMALL
        if small not in self._search:
            self._search[small] = _search(small)
        flow: Plane = self._search[small].calc(first, second, None)
        return flow


class _Pair:
    """Two frames, their flows (H, W, 2) of x and y in pixels, and how far these agree, 0 to 1."""

    def __init__(self, first: Picture, second: Picture, there: Plane, back: Plane) -> None:
        self._first, self._second, self._there, self._back = first, second, there, back
        height, width = first.shape[:2]
        self._x, self._y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._agrees_there = self._agreement(there, back)
        self._agrees_back = self._agreement(back, there)

    def at(self, moment: float) -> Picture:
        """The picture at that moment, 0 to 1."""
        t = np.float32(moment)
        flow = self._carried(t)
        from_first, from_second = -t * flow, (1 - t) * flow
        one = self._warped(self._first, from_first, cv2.INTER_CUBIC).astype(np.float32)
        other = self._warped(self._second, from_second, cv2.INTER_CUBIC).astype(np.float32)
        # What the first frame shows and the second does not is no part of the second, and the other way round.
        weight_one = (1 - t) * (self._warped(self._agrees_back, from_second) + _OTHER)
        weight_other = t * (self._warped(self._agrees_there, from_first) + _OTHER)
        share = (weight_other / (weight_one + weight_other))[..., None]
        return _bytes(one + (other - one) * share)

    def _carried(self, t: np.float32) -> Plane:
        """The flow from first to second frame, (H, W, 2), of what is at each place at that moment."""
        height, width = self._x.shape
        total = np.zeros((height * width, 3), np.float64)
        for flow, part, agrees in ((self._there, t, self._agrees_there), (-self._back, t - 1, self._agrees_back)):
            total += self._splat(flow, part, agrees + _UNLIKELY)
        sums = total.astype(np.float32).reshape(height, width, 3)
        return _filled(sums)

    def _splat(self, flow: Plane, part: np.float32, weight: Plane) -> NDArray[np.float64]:
        """Each place's flow (x, y, 1) by weight, laid down on the four places around where `part` of it leads."""
        height, width = self._x.shape
        x, y = self._x + part * flow[..., 0], self._y + part * flow[..., 1]
        left, top = np.floor(x), np.floor(y)
        right_share, low_share = x - left, y - top
        sums = np.zeros((height * width, 3), np.float64)
        for across, column_share in ((0, 1 - right_share), (1, right_share)):
            for down, row_share in ((0, 1 - low_share), (1, low_share)):
                column, row = left.astype(np.int64) + across, top.astype(np.int64) + down
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                places, shares = (row * width + column)[inside], (weight * column_share * row_share)[inside]
                for number, values in enumerate((flow[..., 0][inside], flow[..., 1][inside], 1)):
                    sums[:, number] += np.bincount(places, shares * values, height * width)
        return sums

    def _agreement(self, there: Plane, back: Plane) -> Plane:
        """1 where the way back from where a flow leads ends at its start, falling to 0 as it misses it."""
        missed = there + self._warped(back, there)
        agreement: Plane = np.exp(-((missed**2).sum(-1) / np.float32(_DISAGREES**2))).astype(np.float32)
        return agreement

    def _warped(self, what: Any, flow: Plane, how: int = cv2.INTER_LINEAR) -> Any:
        """What is at the end of each place's flow."""
        return cv2.remap(what, self._x + flow[..., 0], self._y + flow[..., 1], how, borderMode=cv2.BORDER_REPLICATE)


def _filled(sums: Plane) -> Plane:
    """Weighted sums of x, y and 1 at each place as means; where nothing came down, those of its neighbourhood."""
    side = 3
    while (sums[..., 2] <= 0).any() and side <= 2 * max(sums.shape[:2]):
        around = cv2.blur(sums, (side, side), borderType=cv2.BORDER_REPLICATE)
        sums = np.where(sums[..., 2:] > 0, sums, around)
        side = 2 * side + 1
    flow: Plane = sums[..., :2] / np.maximum(sums[..., 2:], np.float32(1e-12))
    return flow


def _greys(first: Picture, second: Picture) -> tuple[Picture, Picture]:
    """Both in the one tone in which they have most contrast: colours of the same lightness still differ in it."""
    colours = np.concatenate([first[::2, ::2].reshape(-1, 3), second[::2, ::2].reshape(-1, 3)]).astype(np.float64)
    _, axes = np.linalg.eigh(np.cov(colours.T))
    axis = axes[:, -1].astype(np.float32)
    tones = [picture.astype(np.float32) @ axis for picture in (first, second)]
    low, high = min(tone.min() for tone in tones), max(tone.max() for tone in tones)
    scale = np.float32(255 / max(high - low, 1))
    one, other = (_bytes((tone - low) * scale) for tone in tones)
    return one, other


def _search(small: bool) -> Any:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0 if small else 1)
    search.setPatchStride(3 if small else 4)
    search.setGradientDescentIterations(25)
    search.setVariationalRefinementIterations(5)
    return search


def _blended(first: Picture, second: Picture, moment: float) -> Picture:
    return _bytes(first + (second.astype(np.float32) - first) * np.float32(moment))


def _bytes(values: Any) -> Picture:
    whole: Picture = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return whole
