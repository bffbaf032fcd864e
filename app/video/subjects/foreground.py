"""Whatever stands before the ground: what is unlike the colours at the picture's edges, refined by GrabCut."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.video.subjects.finder import Pixels, as_large_as, sensible, sized
from app.video.subjects.grab_cut import SEED, grab_cut

SIDE: Final = 512  # it is looked at no larger: GrabCut takes a second then
LEAST_SIDE: Final = 256  # nor smaller: what has few pixels loses its tips
RARE: Final = 0.05  # of the edges' pixels
GRAIN: Final = 2.0  # times as far as the ground's own pixels are from its colours
COLOURS: Final = 6  # of the ground
UNLIKE: Final = 12.0  # CIELAB distance from all colours of the ground that is one to see at a glance
SURELY_NOT, SURELY = 0.4, 0.6  # of how unlike the ground a piece mostly is
WHOLE: Final = 0.35  # of what is unlike, so much has to hang together: else it is grain
LEAST_PIECE: Final = 0.02  # of the largest piece


class Foreground:
    """The Finder of OpenCV alone; it needs no model."""

    mark = f"grabcut-{cv2.__version__}-1"

    def find(self, pixels: Pixels) -> Pixels | None:
        small = sized(pixels, LEAST_SIDE, SIDE)
        away, unlike = _distance(small)
        seen = _pieces(away > unlike)
        if seen is None or sensible(seen) is None:
            return None
        cover = _pieces(grab_cut(small, _guess(away, seen)) > 0)
        return None if cover is None or sensible(cover) is None else as_large_as(pixels, cover)


def _distance(pixels: Pixels) -> tuple[NDArray[np.float32], float]:
    """How far each pixel's colour is from the nearest of the ground's, in CIELAB; and what is far, for this ground.

    The ground's colours are those at the picture's edges, but for rare ones: a subject may reach there with a tip.
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0).astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB), np.float32)
    ring = max(2, round(0.03 * min(lab.shape[:2])))
    sides = (lab[:ring], lab[-ring:], lab[ring:-ring, :ring], lab[ring:-ring, -ring:])
    edges = np.concatenate([side.reshape(-1, 3) for side in sides])
    cv2.setRNGSeed(SEED)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, labels, found = cv2.kmeans(edges, COLOURS, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    share = np.bincount(np.asarray(labels).reshape(-1), minlength=COLOURS) / len(edges)
    colours = np.asarray(found)[share >= RARE]
    at_edges = _nearest(edges, colours)
    return _nearest(lab, colours), max(UNLIKE, GRAIN * float(np.quantile(at_edges, 1 - COLOURS * RARE / 2)))


def _guess(away: NDArray[np.float32], seen: Pixels) -> NDArray[np.uint8]:
    """What GrabCut may change: in each piece, what is neither much nor little as unlike the ground as the piece is."""
    count, labels = cv2.connectedComponents(seen, connectivity=8)
    unlike = np.array([UNLIKE, *(np.quantile(away[labels == piece], 0.7) for piece in range(1, count))])
    share = away / unlike[labels]
    guess = np.full(seen.shape, cv2.GC_PR_BGD, np.uint8)
    guess[(share < SURELY_NOT) | (seen == 0)] = cv2.GC_BGD
    guess[(share >= 0.5) & (seen > 0)] = cv2.GC_PR_FGD
    guess[(share > SURELY) & (seen > 0)] = cv2.GC_FGD
    return guess


def _nearest(lab: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.min([np.linalg.norm(lab - colour, axis=-1) for colour in colours], axis=0), np.float32)


def _pieces(seen: NDArray[np.bool_]) -> Pixels | None:
    """The pieces that are more than grain; None: there is nothing else."""
    opened = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, facts, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    if count < 2:
        return None
    areas = facts[1:, cv2.CC_STAT_AREA]
    if areas.max() < WHOLE * seen.sum():
        return None
    large = 1 + np.flatnonzero(areas >= LEAST_PIECE * areas.max())
    return np.where(np.isin(labels, large), 255, 0).astype(np.uint8)
