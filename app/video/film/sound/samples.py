"""A sound track that is too long for memory lies in a file: mono float32 at 48 kHz, read and written in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48_000
PIECE: Final = 10 * RATE
"""Samples that are worked on at a time: 2 MB."""

Sound = NDArray[np.float32]
"""Mono, (N,), from -1 to 1."""

_BYTES: Final = 4


class Samples:
    """`count` samples in a file of its own, silent at first."""

    def __init__(self, path: Path, count: int) -> None:
        self.count = count
        self._file = path.open("w+b", buffering=0)
        self._file.truncate(count * _BYTES)  # a hole, until something is written

    def read(self, start: int, count: int) -> Sound:
        """Samples from `start` on, which may lie before 0 or behind the end: there it is silent."""
        found = np.zeros(count, np.float32)
        begin, end = max(0, start), min(self.count, start + count)
        if begin < end:
            self._file.seek(begin * _BYTES)
            content = self._file.read((end - begin) * _BYTES)
            found[begin - start : end - start] = np.frombuffer(content, np.float32)
        return found

    def write(self, start: int, sound: Sound) -> None:
        """Put samples there; what lies outside is left out."""
        begin, end = max(0, start), min(self.count, start + len(sound))
        if begin < end:
            self._file.seek(begin * _BYTES)
            self._file.write(np.ascontiguousarray(sound[begin - start : end - start], np.float32).data)

    def add(self, start: int, sound: Sound) -> None:
        """Mix samples into what is there."""
        self.write(start, self.read(start, len(sound)) + sound)

    def pieces(self, most: int = PIECE) -> Iterator[tuple[int, Sound]]:
        """All of it: where each piece begins, and the piece."""
        for start in range(0, self.count, most):
            yield start, self.read(start, min(most, self.count - start))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
