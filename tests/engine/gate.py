"""A stand-in for a forward's time, with a clock that only forwards move."""

from __future__ import annotations

import threading


class Gate:
    """The engine's thread stops in each forward until it is let on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reached = threading.Semaphore(0)
        self.free = False
        self._open = threading.Semaphore(0)

    def __call__(self, seconds: float) -> None:
        self.reached.release()
        if not self.free:
            assert self._open.acquire(timeout=20)
        self.now += seconds

    def clock(self) -> float:
        return self.now

    def wait(self) -> None:
        """Until a forward is under way."""
        assert self.reached.acquire(timeout=20)

    def let(self, forwards: int) -> None:
        self._open.release(forwards)

    def release(self) -> None:
        self.free = True
        self._open.release(1000)
