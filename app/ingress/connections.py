"""Which connections may stay: what each is doing and since when comes in, those that have to go come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, Literal, TypeVar

from app.access.forwarded import network_of

GRACE_S: Final = 2.0
"""For so long an unfinished request is in nobody's way: a burst of connections is accepted before any of it is read."""

C = TypeVar("C", bound=Hashable)

Refusal = Literal["address", "all"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What connections may do: times in seconds, sizes in bytes, counts in connections."""

    header_s: float = 15.0
    header_bytes: int = 32 * 1024
    body_s: float = 120.0
    stalled_s: float = 60.0
    body_bytes: int = 20 * 2**20
    larger: frozenset[bytes] = frozenset()  # paths that take larger bodies than the others
    larger_below: tuple[bytes, ...] = ()  # the same of all paths that begin so
    larger_bytes: int = 0
    larger_s: float = 3600.0
    most: int = 8192
    most_of_address: int = 2048
    by_address: bool = True  # not where everyone comes in by one proxy on the same machine
    trusted: tuple[str, ...] = ()

    def takes_larger(self, path: bytes) -> bool:
        """Whether that path takes larger bodies than the others."""
        return path.rstrip(b"/") in self.larger or path.startswith(self.larger_below)


@dataclass(slots=True)
class _Unfinished:
    address: str
    since: float
    until: float


class Connections(Generic[C]):
    """All connections of one server. Pure: time, monotonic seconds, is an argument.

    An unfinished connection is one that owes the rest of a request, its first byte included. Where no more may come, of
    one address or at all, the oldest of these make room: slow clients never keep quick ones out, not even behind the
    same address.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._open: dict[C, str] = {}
        self._of_address: Counter[str] = Counter()
        self._unfinished: dict[C, _Unfinished] = {}  # in the order in which they began
        self._unfinished_of: dict[str, dict[C, None]] = {}
        self._stalled: dict[C, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def refused(self, address: str, counted: bool) -> Refusal | None:
        """Whether one more may come, and else why not; `counted`: whether its address counts (not that of a proxy)."""
        if len(self._open) >= self._rules.most:
            return "all"
        if counted and self._of_address[network_of(address)] >= self._rules.most_of_address:
            return "address"
        return None

    def opened(self, connection: C, address: str) -> None:
        """It is there, and owes a request. An `address` of "" counts with no others."""
        network = network_of(address)
        self._open[connection] = network
        self._of_address[network] += 1

    def closed(self, connection: C) -> None:
        """It is gone, or has become something else, such as a WebSocket."""
        self.finished(connection)
        self._stalled.pop(connection, None)
        network = self._open.pop(connection, None)
        if network is not None:
            self._of_address[network] -= 1
            if not self._of_address[network]:
                del self._of_address[network]

    def owes(self, connection: C, now: float, for_s: float) -> None:
        """It owes the rest of something from now on, and has `for_s` seconds for it."""
        self.finished(connection)
        network = self._open.get(connection, "")
        self._unfinished[connection] = _Unfinished(network, now, now + for_s)
        if network:
            self._unfinished_of.setdefault(network, {})[connection] = None

    def finished(self, connection: C) -> None:
        """It owes nothing any more."""
        state = self._unfinished.pop(connection, None)
        if state is not None and state.address:
            others = self._unfinished_of[state.address]
            del others[connection]
            if not others:
                del self._unfinished_of[state.address]

    def reads_nothing(self, connection: C, now: float) -> None:
        """Its client leaves unread what it is sent."""
        self._stalled.setdefault(connection, now)

    def reads(self, connection: C) -> None:
        """Its client has taken what it was sent."""
        self._stalled.pop(connection, None)

    def too_slow(self, now: float) -> list[C]:
        """Those whose time is over."""
        return [each for each, state in self._unfinished.items() if now >= state.until]

    def deaf(self, now: float) -> list[C]:
        """Those that have taken nothing of their answers for too long."""
        return [each for each, since in self._stalled.items() if now - since >= self._rules.stalled_s]

    def crowding(self, refusal: Refusal, address: str, count: int, now: float) -> list[C]:
        """The oldest unfinished ones, which go first where one more was refused: of all, or of that address."""
        among = self._unfinished if refusal == "all" else self._unfinished_of.get(network_of(address), {})
        old = (each for each in among if now - self._unfinished[each].since >= GRACE_S)
        return list(islice(old, count))
