"""GrabCut (Rother et al., SIGGRAPH 2004), the same each time: a guess of the subject comes in, its cover goes out."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.video.subjects.finder import Pixels

ROUNDS: Final = 3
SEED: Final = 1  # its colour models begin with lots


def grab_cut(pixels: Pixels, guess: NDArray[np.uint8]) -> Pixels:
    """`guess` has cv2.GC_BGD, GC_FGD, GC_PR_BGD or GC_PR_FGD for each pixel; where it is all one, it stays."""
    mask = guess.copy()
    is_subject = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    if not is_subject.all() and is_subject.any():
        cv2.setRNGSeed(SEED)
        back, front = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
        cv2.grabCut(pixels, mask, None, back, front, ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
        is_subject = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    return np.where(is_subject, 255, 0).astype(np.uint8)


def from_boxes(pixels: Pixels, boxes: list[tuple[int, int, int, int]]) -> Pixels:
    """The cover of what stands in boxes of x, y, width and height: the middle of each is taken for subject."""
    guess = np.full(pixels.shape[:2], cv2.GC_BGD, np.uint8)
    for x, y, width, height in boxes:
        guess[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = cv2.GC_PR_BGD
    for x, y, width, height in boxes:
        middle, axes = (x + width // 2, y + height // 2), (max(1, width // 4), max(1, int(0.42 * height)))
        cv2.ellipse(guess, middle, axes, 0, 0, 360, int(cv2.GC_PR_FGD), -1)
    return grab_cut(pixels, guess)
