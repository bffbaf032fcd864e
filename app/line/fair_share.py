"""How much of the device's time each shape has had: what makes shapes take turns by time, not by number of steps."""

from __future__ import annotations

from collections.abc import Collection

from app.line.profile import Shape


class FairShare:
    """Device time by shape (start-time fair queueing): a shape that comes starts level with the one that had least."""

    def __init__(self) -> None:
        self._used_s: dict[Shape, float] = {}

    def used_s(self, shape: Shape) -> float:
        """Seconds, to be compared between shapes that are there."""
        return self._used_s.get(shape, self._least())

    def enter(self, shape: Shape, present: Collection[Shape]) -> None:
        """A job of this shape gets a slot beside jobs of the shapes `present`; shapes that have gone are forgotten."""
        self._used_s = {known: used_s for known, used_s in self._used_s.items() if known in present}
        self._used_s.setdefault(shape, self._least())

    def charge(self, shape: Shape, seconds: float) -> None:
        """A batch of this shape has had the device."""
        self._used_s[shape] = self.used_s(shape) + seconds

    def _least(self) -> float:
        return min(self._used_s.values(), default=0.0)
