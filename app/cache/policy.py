"""Who leaves a full cache: entries with their use come in, a rank goes out, and the lowest rank leaves first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

LEAST_WORTH = 0.001
"""Step-seconds that any entry is taken to save, so that those of unknown worth are ranked by size and use."""


@dataclass(frozen=True, slots=True)
class Use:
    """An entry as a policy sees it: step-seconds that a hit saves, uses since it came (1 at first), and bytes."""

    worth: float
    uses: int
    size_bytes: int


class Policy(Protocol):
    """Ranks entries. Between equal ranks the one that was used less lately leaves first."""

    def rank(self, use: Use) -> float:
        """The rank of an entry that was just kept or used."""
        ...

    def refuses(self, rank: float, lowest: float) -> bool:
        """Whether a newcomer of this rank is turned away rather than that one of rank `lowest` leaves for it."""
        ...

    def left(self, rank: float) -> None:
        """An entry of this rank had to leave, or was turned away."""
        ...


class Benefit:
    """Step-seconds saved × use per byte, aged: GreedyDual-Size with frequency (Cherkasova, HPL-98-69R1, 1998).

    Ageing is the floor: it rises to the rank of whatever leaves, and ranks given later stand on it. So what was once
    used much, and is used no more, is overtaken.
    """

    def __init__(self) -> None:
        self._floor = 0.0

    def rank(self, use: Use) -> float:
        return self._floor + use.uses * max(LEAST_WORTH, use.worth) / max(1, use.size_bytes)

    def refuses(self, rank: float, lowest: float) -> bool:
        return rank < lowest

    def left(self, rank: float) -> None:
        self._floor = max(self._floor, rank)


class LeastRecent:
    """The one that was not used for longest leaves: what `Benefit` is compared with."""

    def __init__(self) -> None:
        self._turn = 0

    def rank(self, use: Use) -> float:
        self._turn += 1
        return self._turn

    def refuses(self, rank: float, lowest: float) -> bool:
        return False

    def left(self, rank: float) -> None:
        return None


class LeastFrequent:
    """The one that was used least leaves, without ageing: the other comparison."""

    def rank(self, use: Use) -> float:
        return use.uses

    def refuses(self, rank: float, lowest: float) -> bool:
        return False

    def left(self, rank: float) -> None:
        return None
