"""Tiny ONNX models, written field by field as onnx.proto numbers them: nothing has to be installed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

FLOAT = 1


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    data = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | 2) + _number(len(data)) + data


def _message(*fields: tuple[int, int | str | bytes]) -> bytes:
    return b"".join(_field(number, value) for number, value in fields)


def _value(name: str, sides: Sequence[int | str]) -> bytes:
    shape = b"".join(_field(1, _message((1 if isinstance(side, int) else 2, side))) for side in sides)
    return _message((1, name), (2, _message((1, _message((1, FLOAT), (2, shape))))))


def _tensor(name: str, values: np.ndarray) -> bytes:
    sides = [(1, side) for side in values.shape]
    return _message(*sides, (2, FLOAT), (8, name), (9, values.astype("<f4").tobytes()))


def _node(kind: str, inputs: Sequence[str], output: str) -> bytes:
    return _message(*((1, each) for each in inputs), (2, output), (4, kind))


def _written(path: Path, graph: bytes, metadata: Mapping[str, str]) -> Path:
    said = [(14, _message((1, name), (2, value))) for name, value in metadata.items()]
    path.write_bytes(_message((1, 8), (7, graph), (8, _message((1, ""), (2, 13))), *said))
    return path


def red_model(path: Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Covers what is red by half or more; for pictures of any size."""
    graph = _message(
        (1, _node("Conv", ["picture", "weight", "bias"], "score")),
        (1, _node("Sigmoid", ["score"], "cover")),
        (2, "red"),
        (5, _tensor("weight", np.array([20.0, -10.0, -10.0]).reshape(1, 3, 1, 1))),
        (5, _tensor("bias", np.array([-10.0]))),
        (11, _value("picture", (1, 3, "height", "width"))),
        (12, _value("cover", (1, 1, "height", "width"))),
    )
    return _written(path, graph, metadata or {})


def boxes_model(path: Path, boxes: Sequence[Sequence[float]], side: int) -> Path:
    """Answers with those boxes, whatever it is shown."""
    rows = np.array(boxes, np.float32)
    graph = _message(
        (1, _node("Identity", ["rows"], "boxes")),
        (2, "boxes"),
        (5, _tensor("rows", rows)),
        (11, _value("picture", (1, 3, side, side))),
        (12, _value("boxes", rows.shape)),
    )
    return _written(path, graph, {})
