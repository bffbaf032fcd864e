"""People who stand or walk, by OpenCV's own detector (Dalal and Triggs, CVPR 2005), cut out by GrabCut."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from app.video.subjects.finder import Pixels, as_large_as, sensible, sized
from app.video.subjects.grab_cut import from_boxes

SIDE: Final = 512  # they are cut out of a picture no larger
LEAST_LOOK, MOST_LOOK = 192, 400  # and looked for in one of such sides: the detector sees people 100 pixels tall
MORE: Final = 0.1  # of its height, above and below a box: it may end at the ankles
EDGE: Final = 0.25  # of its longer side, put around it: the detector wants to see what is beside them
SURE: Final = 0.5  # of the detector's own measure; below it most of what it finds is no one
BESIDE: Final = 0.6  # of the surest: who is much less sure is not meant


class Person:
    """The Finder of OpenCV alone; it needs no model."""

    mark = f"hog-{cv2.__version__}-1"

    def __init__(self) -> None:
        self._detector = cv2.HOGDescriptor()
        self._detector.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector()))

    def find(self, pixels: Pixels) -> Pixels | None:
        small = sized(pixels, 1, SIDE)
        boxes = self._boxes(small)
        if not boxes:
            return None
        cover = sensible(from_boxes(small, boxes))
        return None if cover is None else as_large_as(pixels, cover)

    def _boxes(self, pixels: Pixels) -> list[tuple[int, int, int, int]]:
        """Of each person, in pixels of that picture; a margin is put around it, since people fill pictures."""
        look = sized(pixels, LEAST_LOOK, MOST_LOOK)
        scale = look.shape[0] / pixels.shape[0]
        edge = round(EDGE * max(look.shape[:2]))
        around = cv2.copyMakeBorder(look, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        found, rated = self._detector.detectMultiScale(around, winStride=(8, 8), padding=(8, 8), scale=1.05)
        if not len(found):
            return []
        sure = np.asarray(rated, np.float64).reshape(-1)
        least = max(SURE, BESIDE * float(sure.max()))
        kept = cv2.dnn.NMSBoxes([tuple(map(int, box)) for box in found], sure.tolist(), least, 0.4)
        rows = [
            [(float(side) - off * edge) / scale for side, off in zip(found[n], (1, 1, 0, 0), strict=True)] for n in kept
        ]
        return [_within(row, pixels.shape[1], pixels.shape[0]) for row in rows]


def _within(box: list[float], width: int, height: int) -> tuple[int, int, int, int]:
    more = MORE * box[3]
    left, top = max(0, round(box[0])), max(0, round(box[1] - more))
    right, bottom = min(width, round(box[0] + box[2])), min(height, round(box[1] + box[3] + more))
    return left, top, max(1, right - left), max(1, bottom - top)
