"""How far a tenant that comes goes before its share, in line, batcher and Finisher: virtual time that it pays back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Borrow = Callable[[str], float]
"""The most that a tenant may borrow, in virtual time: seconds over its weight."""


def nothing(_tenant: str) -> float:
    """Nobody borrows."""
    return 0.0


class Starts(dict[str, float]):
    """Where each tenant's share stands, in virtual time: the least is served next. Others would come now.

    Borrowed virtual time (Duda and Cheriton, SOSP 1999), bounded by service: the virtual time of the pool, `floor`,
    is that of the least of those who are there, and never goes back. A tenant that comes stands where it stood when it
    left, but no more than `borrow` before the floor: until it has come up to it, it is on borrowed time, and the others
    wait. It pays back by what it does not ask for: who leaves and comes again stands as far on as it was, and may
    borrow again what the others have had meanwhile, as much as would have been its own share. So over any span of time
    it has had no more than its share and that much, whatever it does; those who have stayed lose no more to each who
    comes.
    """

    def __init__(self, used: Mapping[str, float], floor: float, borrow: Borrow, level: float | None = None) -> None:
        """`level`: from where newcomers borrow, if it is not the floor itself."""
        super().__init__(used)
        self.floor = floor
        self._borrow = borrow
        self._level = floor if level is None else level

    def __missing__(self, tenant: str) -> float:
        return self._level - self._borrow(tenant)

    def get(self, tenant: str, default: float | None = None) -> float:  # type: ignore[override]
        """Nobody is without a place."""
        return self[tenant]


def borrows(starts: Mapping[str, float], at: float) -> bool:
    """Whether a tenant that stands there is on borrowed time; nobody is where nobody lends."""
    return isinstance(starts, Starts) and at < starts.floor
