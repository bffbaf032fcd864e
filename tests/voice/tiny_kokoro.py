"""A model with Kokoro's inputs and outputs, written as ONNX by hand: each token is a tone of its own, 25 ms long."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FLOAT, INT64 = 1, 7
SAMPLES = 600  # of a token, at 24 kHz


def save(folder: Path, names: tuple[str, ...]) -> tuple[Path, Path]:
    """The model and its voices."""
    model, voices = folder / "model.onnx", folder / "voices.bin"
    model.write_bytes(onnx())
    with voices.open("wb") as file:
        np.savez(file, allow_pickle=False, **dict.fromkeys(names, np.zeros((510, 1, 256), np.float32)))
    return model, voices


def onnx() -> bytes:
    """`tokens` int64 (1, N), `style` (1, 256), `speed` (1,) to `audio` (600 N,) and `duration` int64 (N,)."""
    ramp = 0.004 * np.arange(1, SAMPLES + 1, dtype=np.float32)[None]
    nodes = (
        *(("Reshape", "tokens column", "rows"), ("Cast", "rows", "values"), ("MatMul", "values ramp", "angles")),
        *(("Sin", "angles", "tones"), ("Mul", "tones level", "sound"), ("Reshape", "sound flat", "audio")),
        *(("Reshape", "tokens flat", "line"), ("Sub", "line line", "none"), ("Add", "none one", "duration")),
    )
    constants = {
        "column": np.array([-1, 1]),
        "flat": np.array([-1]),
        "one": np.array([1]),
        "ramp": ramp,
        "level": np.array(0.3, np.float32),
    }
    inputs = (("tokens", INT64, (1, 0)), ("style", FLOAT, (1, 256)), ("speed", FLOAT, (1,)))
    outputs = (("audio", FLOAT, (0,)), ("duration", INT64, (0,)))
    graph = (
        b"".join(bytes_field(1, node(*each)) for each in nodes)
        + text(2, "tiny")
        + b"".join(bytes_field(5, tensor(name, value)) for name, value in constants.items())
        + b"".join(bytes_field(11, value_info(*each)) for each in inputs)
        + b"".join(bytes_field(12, value_info(*each)) for each in outputs)
    )
    return number(1, 8) + bytes_field(7, graph) + bytes_field(8, text(1, "") + number(2, 17))


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def bytes_field(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    return bytes_field(field, value.encode())


def node(kind: str, inputs: str, output: str) -> bytes:
    cast = bytes_field(5, text(1, "to") + number(3, FLOAT) + number(20, 2)) if kind == "Cast" else b""
    return b"".join(text(1, name) for name in inputs.split()) + text(2, output) + text(4, kind) + cast


def tensor(name: str, value: NDArray[np.generic]) -> bytes:
    kind = FLOAT if value.dtype == np.float32 else INT64
    return (
        b"".join(number(1, each) for each in value.shape)
        + number(2, kind)
        + text(8, name)
        + bytes_field(9, value.tobytes())
    )


def value_info(name: str, kind: int, shape: tuple[int, ...]) -> bytes:
    """A dimension of 0 is any."""
    dims = b"".join(bytes_field(1, number(1, each) if each else text(2, "n")) for each in shape)
    return text(1, name) + bytes_field(2, bytes_field(1, number(1, kind) + bytes_field(2, dims)))
