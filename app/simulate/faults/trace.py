"""What happened in a run, in order: short lines for people, and a hash that tells whether two runs are the same."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence

KEPT = 4000
HASHED = 256  # lines at a time


class Trace:
    """Lines of a run. `clock` gives virtual seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hash = hashlib.blake2b(digest_size=16)
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._unhashed: list[str] = []

    def note(self, *words: object) -> None:
        """Something has happened now."""
        line = f"{self._clock():9.4f} {' '.join(map(str, words))}"
        self._lines.append(line)
        self._unhashed.append(line)
        if len(self._unhashed) >= HASHED:
            self._take_in()

    @property
    def digest(self) -> str:
        """Of all lines."""
        self._take_in()
        return self._hash.hexdigest()

    def _take_in(self) -> None:
        self._hash.update("".join(self._unhashed).encode())
        self._unhashed = []

    def about(self, name: str, most: int = 40) -> Sequence[str]:
        """The last lines that name it."""
        return [line for line in self._lines if name in line][-most:]

    @property
    def lines(self) -> Sequence[str]:
        """The last ones."""
        return list(self._lines)
