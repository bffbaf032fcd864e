"""How much of the device's time each shape, or tenant, has had: what makes them take turns by time, not by steps."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Generic, TypeVar

from app.line.borrowed_time import Borrow, Starts, nothing

K = TypeVar("K", bound=Hashable)


class FairShare(Generic[K]):
    """Device time by shape (start-time fair queueing; Goyal, Vin and Cheng, SIGCOMM 1996).

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


class TenantShare:
    """Device time by tenant, over weights, and where each stands in the queue for more.

    Start-time fair queueing to the letter (same source): who comes stands where the least of those present stood when
    the turn under way began, for it came during that turn. Who is ahead when its last job leaves is remembered until
    the others have come as far, so that many short jobs get no more than a long one; who finds the device idle owes
    nothing. Who comes may `borrow`, and is remembered until it may do so again (`app.line.borrowed_time`).
    """

    def __init__(self, borrow: Borrow = nothing) -> None:
        self._borrow = borrow
        self._floor = 0.0
        self._used_s: dict[str, float] = {}
        self._turn: dict[str, float] = {}  # what the last turn was charged

    def used_s(self, tenant: str) -> float:
        """Seconds over its weight, to be compared between those that are there."""
        return self._used_s.get(tenant, 0.0)

    def starts(self, present: Collection[str]) -> Starts:
        """By tenant, where it stands, or would if a job of it came now beside jobs of those `present`."""
        floor = self._level(present)
        used_s = {
            tenant: used_s if tenant in present else max(floor - self._borrow(tenant), used_s)
            for tenant, used_s in self._used_s.items()
        }
        return Starts(used_s, floor, self._borrow)

    def enter(self, tenant: str, present: Collection[str]) -> None:
        """A job of this one gets a slot beside jobs of those `present`."""
        if not present:
            self._used_s, self._turn, self._floor = {tenant: -self._borrow(tenant)}, {}, 0.0
        elif tenant not in present:
            floor = self._floor = self._level(present)
            self._used_s = {
                one: used for one, used in self._used_s.items() if one in present or used > floor - self._borrow(one)
            }
            self._used_s.setdefault(tenant, floor - self._borrow(tenant))

    def charge(self, parts: Iterable[tuple[str, float]]) -> None:
        """A forward is over: of each job in it its tenant, and the seconds that were its part, over the weight."""
        used_s, turn = self._used_s, dict[str, float]()
        for tenant, seconds in parts:
            used_s[tenant] = used_s.get(tenant, 0.0) + seconds
            turn[tenant] = turn.get(tenant, 0.0) + seconds
        self._turn = turn

    def add(self, tenant: str, seconds: float) -> None:
        """It has had the device by itself besides, between two turns: decoding."""
        if tenant in self._used_s:
            self._used_s[tenant] += seconds

    def _level(self, present: Collection[str]) -> float:
        """Where the least of them stood when the last turn began, or another before when it came."""
        used_s, turn = self._used_s, self._turn
        least = min((used_s[one] - turn.get(one, 0.0) for one in present if one in used_s), default=0.0)
        return max(self._floor, least)
