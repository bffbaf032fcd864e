"""Whatever stands before the ground: what is unlike the colours at the picture's edges, refined by GrabCut."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.video.subjects.finder import Pixels, enlarged, reduced, sensible
from app.video.subjects.grab_cut import SEED, grab_cut

SIDE: Final = 512  # it is looked at so large: GrabCut takes a second then
COLOURS: Final = 6  # of the ground
UNLIKE: Final = 12.0  # CIELAB distance from all colours of the ground that is one to see at a glance
LIKE: Final = 5.0
WHOLE: Final = 0.35  # of what is unlike, so much has to hang together: else it is grain
LEAST_PIECE: Final = 0.02  # of the largest piece


class Foreground:
    """The Finder of OpenCV alone; it needs no model."""

    mark = f"grabcut-{cv2.__version__}-1"

    def find(self, pixels: Pixels) -> Pixels | None:
        small = reduced(pixels, SIDE)
        away = _distance(small)
        seen = _pieces(away > max(UNLIKE, _otsu(away)))
        if seen is None or sensible(seen) is None:
            return None
        guess = np.full(seen.shape, cv2.GC_PR_BGD, np.uint8)
        guess[(away < LIKE) & (seen == 0)] = cv2.GC_BGD
        guess[seen > 0] = cv2.GC_PR_FGD
        core = cv2.erode(seen, np.ones((5, 5), np.uint8))
        guess[core > 0] = cv2.GC_FGD
        cover = _pieces(grab_cut(small, guess) > 0)
        return None if cover is None or sensible(cover) is None else enlarged(cover, pixels)


def _distance(pixels: Pixels) -> NDArray[np.float32]:
    """How far each pixel's colour is from the nearest of those at the picture's edges, in CIELAB."""
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0)
    lab = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    ring = max(2, round(0.03 * min(lab.shape[:2])))
    edges = np.concatenate(
        [
            lab[:ring].reshape(-1, 3),
            lab[-ring:].reshape(-1, 3),
            lab[:, :ring].reshape(-1, 3),
            lab[:, -ring:].reshape(-1, 3),
        ]
    )
    cv2.setRNGSeed(SEED)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    found = cv2.kmeans(edges, COLOURS, None, stop, 1, cv2.KMEANS_PP_CENTERS)[2]  # type: ignore[call-overload]
    away = [np.linalg.norm(lab - colour, axis=-1) for colour in np.asarray(found)]
    return np.asarray(np.min(away, axis=0), np.float32)


def _otsu(away: NDArray[np.float32]) -> float:
    """The distance that parts near from far best; not more than half of the farthest."""
    scaled = np.clip(2 * away, 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return min(level, float(scaled.max()) / 2) / 2


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
