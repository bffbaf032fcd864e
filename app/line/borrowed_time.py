"""How far a tenant that comes goes before its share, in line, batcher and Finisher: virtual time that it pays back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

Borrow = Callable[[str], float]
"""The most that a tenant may borrow, in virtual time: seconds over its weight."""


def nothing(_tenant: str) -> float:
    """Nobody borrows."""
    return 0.0


class Starts(defaultdict[str, float]):
    """Where each tenant's share stands, in virtual time, newcomers at `level`; and what it may borrow.

    Borrowed virtual time (Duda and Cheriton, SOSP 1999) with a bound by service instead of real time: a tenant that
    comes where the others stand at V is served before its turn until its own virtual time, which goes on as if it
    borrowed nothing, has come to V + `borrow`. So it pays back by waiting until the others have come as far; who
    leaves in debt finds it there when it comes again, less what the others had meanwhile, its own share of the time.
    At no moment has a tenant had more than that much beyond its share, whatever it does; those who have stayed lose
    no more to each that comes. Whom `until` does not name would come now.
    """

    def __init__(
        self, level: float, used: Mapping[str, float], until: Mapping[str, float], borrow: Borrow, floor: float
    ) -> None:
        super().__init__(lambda: level, used)
        self._until, self._borrow, self._floor = until, borrow, floor

    def borrows(self, tenant: str, at: float) -> bool:
        """Whether it goes before its turn with what starts at this virtual time of its own."""
        until = self._until.get(tenant)
        return at < (self._floor + self._borrow(tenant) if until is None else until)

    def claim(self, tenant: str, at: float) -> float:
        """By what tenants are compared: the least goes first. Ascends with `at`."""
        return at - self._borrow(tenant) if self.borrows(tenant, at) else at


def claim(starts: Mapping[str, float], tenant: str, at: float) -> float:
    """The tenant's claim with what starts at that virtual time of its own; the same where nobody lends."""
    return starts.claim(tenant, at) if isinstance(starts, Starts) else at


def borrows(starts: Mapping[str, float], tenant: str, at: float) -> bool:
    """Whether it then goes before its turn."""
    return isinstance(starts, Starts) and starts.borrows(tenant, at)


def claims(starts: Mapping[str, float], tenant: str, ascending: Iterable[float]) -> Iterator[float]:
    """The claims of one job after another."""
    rest = iter(ascending)
    if isinstance(starts, Starts):
        for at in rest:
            if not starts.borrows(tenant, at):
                yield at
                break  # nor does any after it
            yield starts.claim(tenant, at)
    yield from rest
