"""An operator's own model: any ONNX file that takes a picture and gives a cover or boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.errors import ServiceUnavailable
from app.video.subjects.finder import box_of
from app.video.subjects.onnx import OnnxFinder
from tests.video.subjects.drawn import iou, person
from tests.video.subjects.tiny_onnx import boxes_model, red_model

pytest.importorskip("onnxruntime")


def red(width: int = 60, height: int = 40) -> np.ndarray:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[10:30, 20:50, 0] = 255
    return pixels


def test_a_matting_model_gives_the_cover(tmp_path: Path) -> None:
    finder = OnnxFinder(red_model(tmp_path / "red.onnx"))
    cover = finder.find(red())
    assert cover is not None
    assert cover.shape == (40, 60)
    left, top, wide, high = box_of(cover)
    assert np.abs(np.array([left, top, wide, high]) - [20, 10, 30, 20]).max() <= 1


def test_its_normalisation_stands_in_its_metadata(tmp_path: Path) -> None:
    dim = np.where(red() > 0, 120, 0).astype(np.uint8)
    assert OnnxFinder(red_model(tmp_path / "plain.onnx")).find(dim) is None, "less than half red"
    brighter = red_model(tmp_path / "brighter.onnx", {"mean": "0,0,0", "std": "0.4,0.4,0.4"})
    assert OnnxFinder(brighter).find(dim) is not None


def test_of_a_detection_model_the_boxes_are_cut_out(tmp_path: Path) -> None:
    pixels, truth = person(128, 128, 110)
    rows, columns = np.nonzero(truth)
    box = [columns.min() - 6.0, rows.min() - 6.0, columns.max() + 7.0, rows.max() + 7.0]
    finder = OnnxFinder(boxes_model(tmp_path / "boxes.onnx", [[*box, 0.9], [0.0, 0.0, 20.0, 20.0, 0.1]], 128))
    assert iou(finder.find(pixels), truth) > 0.8
    none = OnnxFinder(boxes_model(tmp_path / "none.onnx", [[*box, 0.2]], 128))
    assert none.find(pixels) is None


def test_where_a_model_finds_nothing_nothing_is_found(tmp_path: Path) -> None:
    assert OnnxFinder(red_model(tmp_path / "red.onnx")).find(np.zeros((40, 40, 3), np.uint8)) is None


def test_another_file_has_another_mark_and_the_same_one_the_same(tmp_path: Path) -> None:
    marks = [
        OnnxFinder(red_model(tmp_path / "a.onnx")).mark,
        OnnxFinder(red_model(tmp_path / "b.onnx")).mark,
        OnnxFinder(red_model(tmp_path / "c.onnx", {"mean": "0.5,0.5,0.5"})).mark,
    ]
    assert marks[0] == marks[1] != marks[2]


def test_what_is_no_model_or_not_there_is_503(tmp_path: Path) -> None:
    (tmp_path / "odd.onnx").write_bytes(b"no model")
    for name in ("odd.onnx", "missing.onnx"):
        with pytest.raises(ServiceUnavailable) as caught:
            OnnxFinder(tmp_path / name)
        assert caught.value.error_code == "prepare_model_unusable"
