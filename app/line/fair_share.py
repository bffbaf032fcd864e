"""How much of the device's time each shape, or tenant, has had: what makes them take turns by time, not by steps."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class FairShare(Generic[K]):
    """Device time by shape or tenant (start-time fair queueing; Goyal, Vin and Cheng, SIGCOMM 1996).

    One that comes starts level with the one that had least, so that nobody saves up time while it is away.
    """

    def __init__(self) -> None:
        self._used_s: dict[K, float] = {}

    def used_s(self, one: K) -> float:
        """Seconds, to be compared between those that are there."""
        used_s = self._used_s.get(one)
        return self._least() if used_s is None else used_s

    def enter(self, one: K, present: Collection[K]) -> None:
        """A job of this one gets a slot beside jobs of those `present`; those that have gone are forgotten."""
        self._used_s = {known: used_s for known, used_s in self._used_s.items() if known in present}
        self._used_s.setdefault(one, self._least())

    def charge(self, one: K, seconds: float) -> None:
        """A batch of this one, or its part of it, has had the device."""
        self._used_s[one] = self.used_s(one) + seconds

    def _least(self) -> float:
        return min(self._used_s.values(), default=0.0)
