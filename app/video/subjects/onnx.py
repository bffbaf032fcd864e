"""A matting or detection model of the operator's, as an ONNX file: any that takes a picture and gives a cover or boxes.

The model has one input, RGB as float32 of (1, 3, height, width), from 0 to 1, or with `mean` and `std` of its metadata
(three numbers each, commas between) taken off. Sides that it does not name are SIDE. Its first output is

- of 3 or 4 sides, (1, [1,] height, width): the subject's cover from 0 to 1; or
- of 2, (boxes, 5): left, top, right, bottom in the input's pixels, and how sure; those of SURE and more are cut out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.errors import ServiceUnavailable
from app.video.subjects.finder import Pixels, as_large_as, sensible, sized
from app.video.subjects.grab_cut import from_boxes

SIDE: Final = 320
SURE: Final = 0.5
BOX_SIDE: Final = 512  # GrabCut looks at boxes so large


class OnnxFinder:
    """The Finder of one file. Raises ServiceUnavailable, also where onnxruntime is not installed."""

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            content = path.read_bytes()
            self._session: Any = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            (self._input,) = self._session.get_inputs()
            said = self._session.get_modelmeta().custom_metadata_map
            self._mean, self._std = _three(said.get("mean", "0,0,0")), _three(said.get("std", "1,1,1"))
        except Exception as error:  # whatever a library calls a file that it cannot read
            message = f"The model that looks for subjects cannot be loaded: {type(error).__name__}."
            raise ServiceUnavailable(message, code="prepare_model_unusable") from error
        self.mark = f"onnx-{hashlib.sha256(content).hexdigest()[:16]}"

    def find(self, pixels: Pixels) -> Pixels | None:
        height, width = (each if isinstance(each, int) else SIDE for each in self._input.shape[2:])
        asked = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        rows = ((asked - self._mean) / self._std).transpose(2, 0, 1)[None].astype(np.float32)
        try:
            answer = np.asarray(self._session.run(None, {self._input.name: rows})[0], np.float32)
        except Exception as error:  # whatever a library calls it
            message = f"The model that looks for subjects failed: {type(error).__name__}."
            raise ServiceUnavailable(message, code="prepare_model_unusable") from error
        cover = _boxed(answer, pixels, width, height) if answer.ndim == 2 else _cover(answer)
        return None if cover is None or sensible(cover) is None else as_large_as(pixels, cover)


def _cover(answer: NDArray[np.float32]) -> Pixels:
    cover = answer.reshape(answer.shape[-2:])
    return np.asarray(np.clip(np.nan_to_num(cover), 0, 1) * 255 + 0.5, np.uint8)


def _boxed(answer: NDArray[np.float32], pixels: Pixels, width: int, height: int) -> Pixels | None:
    small = sized(pixels, 1, BOX_SIDE)
    across, down = small.shape[1] / width, small.shape[0] / height
    sure = [row for row in answer if np.isfinite(row[:5]).all() and row[4] >= SURE]
    boxes = [
        (round(float(left) * across), round(float(top) * down), *_sides(left, top, right, bottom, across, down))
        for left, top, right, bottom in (row[:4] for row in sure)
    ]
    return from_boxes(small, boxes) if boxes else None


def _sides(left: float, top: float, right: float, bottom: float, across: float, down: float) -> tuple[int, int]:
    return max(1, round(float(right - left) * across)), max(1, round(float(bottom - top) * down))


def _three(text: str) -> NDArray[np.float32]:
    numbers = np.array([float(each) for each in text.split(",")], np.float32)
    if numbers.shape != (3,):
        raise ValueError("three numbers")
    return numbers
