"""What the service mended by itself: signals come in, and what is news, once per cause and cool-down, is kept."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal, Protocol

from pydantic import TypeAdapter, ValidationError

from app.jobs.board import Board
from app.types.words import Word

KEPT: Final = 1000
"""Events in the log; older ones leave it."""
NOTICE: Final = "notice_"
"""What the outbox has of notifications begins so; all else in it are ids of jobs."""
NOTICE_KEPT_S: Final = 86400.0

Change = Literal["happened", "began", "ended"]


class Cause(Word):
    """Why something had to be mended: the first column of the table below."""

    CACHE_BREAKER = "cache_breaker"
    REDIS_AWAY = "redis_away"
    REDIS_RESTARTED = "redis_restarted"
    FAILOVER_FOLLOWED = "failover_followed"
    REPLICA_LOST = "replica_lost"
    MEMORY_PRESSURE = "memory_pressure"
    LEASE_LOST = "lease_lost"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a cause means, what is done about it, and how often it is told at most."""

    means: str
    done: str
    cool_down_s: float = 600.0


KINDS: Final[Mapping[Cause, Kind]] = {
    Cause.CACHE_BREAKER: Kind(
        "The shared tier of the caches does not answer.", "It is left alone, and tried again every few seconds."
    ),
    Cause.REDIS_AWAY: Kind("Redis did not answer for a while.", "Nothing was decided meanwhile; work goes on now."),
    Cause.REDIS_RESTARTED: Kind(
        "Redis was started again, or another took its place.", "Its records are used as they were found."
    ),
    Cause.FAILOVER_FOLLOWED: Kind("The sentinels named another master.", "All connections were moved to it."),
    Cause.REPLICA_LOST: Kind(
        "A replica was gone without having left.", "Its jobs go back to the line; Serve starts another."
    ),
    Cause.MEMORY_PRESSURE: Kind(
        "A replica is short of memory.", "No job joins there, and the least urgent make room until it is handed back."
    ),
    Cause.LEASE_LOST: Kind("An attempt was lost with its replica.", "The job goes on from its last checkpoint."),
    Cause.RESTORED: Kind("A backup was brought back.", "Fences go on in a new epoch; jobs were looked after.", 0.0),
}
"""By cause; `done` is what the service did or does about it."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something was noticed. What lasts `began` and `ended`, and may be said to begin again and again meanwhile."""

    cause: Cause
    subject: str  # a pool, or a part of the service
    change: Change
    detail: str  # a sentence
    at: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class Tally:
    """How it stands with one cause and subject. Times are Unix seconds."""

    count: int = 0  # how often it has happened or begun
    first_at: float = 0.0
    last_at: float = 0.0
    under_way: bool = False
    told_at: float | None = None
    told_begun: bool = False  # what is under way has been told
    untold: int = 0  # since `told_at`


@dataclass(frozen=True, slots=True)
class Recovery:
    """An event of the log. `times`: how often it has happened since it was told before, this time included."""

    id: str
    cause: str
    subject: str
    change: str
    detail: str
    at: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """The tally of one cause and subject."""

    cause: str
    subject: str
    tally: Tally


_RECOVERY = TypeAdapter(Recovery)
_TALLY = TypeAdapter(Tally)


def judged(before: Tally, signal: Signal, cool_down_s: float) -> tuple[Tally, int]:
    """The tally after a signal, and as how many times it is to be told; 0: it is not.

    The end of what has been told is always told; the rest once in a cool-down.
    """
    if signal.change == "ended":
        told = int(before.under_way and before.told_begun)
        return replace(before, under_way=False, told_begun=False), told
    known = signal.change == "began" and before.under_way
    now = replace(
        before,
        count=before.count + (not known),
        first_at=before.first_at if before.count else signal.at,
        last_at=before.last_at if known else signal.at,
        under_way=signal.change == "began" or before.under_way,
        untold=before.untold + (not known),
    )
    cool = before.told_at is None or signal.at - before.told_at >= cool_down_s
    if not cool or not now.untold:
        return now, 0
    told_begun = signal.change == "began" or before.told_begun
    return replace(now, told_at=signal.at, told_begun=told_begun, untold=0), now.untold


def recovery_from_note(note: object) -> Recovery | None:
    """The event of a note; None of one that makes no sense."""
    try:
        return _RECOVERY.validate_python(note)
    except ValidationError:
        return None


def tally_from_note(note: object) -> Tally:
    """The tally of a note; an empty one of one that makes no sense."""
    try:
        return _TALLY.validate_python(note)
    except ValidationError:
        return Tally()


def told(signal: Signal, times: int = 1) -> Recovery:
    """The event that a signal becomes, with a new id."""
    return Recovery(
        secrets.token_hex(8), signal.cause.value, signal.subject, signal.change, signal.detail, signal.at, times
    )


def notice_name(receiver: str, event_id: str) -> str:
    """What the outbox calls the notification of an event to one receiver."""
    return f"{NOTICE}{receiver}_{event_id}"


class Recoveries(Protocol):
    """The log of what the service mended by itself, shared by all processes."""

    async def record(self, *signals: Signal) -> None:
        """Count them, and keep and notify what is news. Never raises: what finds no store goes with the next."""
        ...

    async def recent(self, most: int) -> list[Recovery]:
        """The newest events first. Raises StoreUnavailable."""
        ...

    async def standings(self) -> list[Standing]:
        """How often each cause has met each subject, the latest first. Raises StoreUnavailable."""
        ...


class Entry(Protocol):
    """The outbox, as who fills it sees it."""

    def enter(self, name: str, at: float) -> None: ...


class MemoryRecoveries:
    """The log in this process: tests and tools. `receivers`: digests of those who are notified."""

    def __init__(self, board: Board | None = None, outbox: Entry | None = None, receivers: Sequence[str] = ()) -> None:
        self._board, self._outbox, self._receivers = board, outbox, tuple(receivers)
        self._log: list[Recovery] = []
        self._tallies: dict[tuple[str, str], Tally] = {}

    async def record(self, *signals: Signal) -> None:
        for signal in signals:
            key = (signal.cause.value, signal.subject)
            before = self._tallies.get(key, Tally())
            self._tallies[key], times = judged(before, signal, KINDS[signal.cause].cool_down_s)
            if times:
                await self._tell(told(signal, times))

    async def recent(self, most: int) -> list[Recovery]:
        return self._log[::-1][:most]

    async def standings(self) -> list[Standing]:
        return by_latest([Standing(*key, tally) for key, tally in self._tallies.items()])

    async def _tell(self, event: Recovery) -> None:
        self._log = [*self._log, event][-KEPT:]
        if self._board is None or self._outbox is None:
            return
        for receiver in self._receivers:
            name = notice_name(receiver, event.id)
            await self._board.put(name, {"event": asdict(event)}, NOTICE_KEPT_S)
            self._outbox.enter(name, event.at)


def by_latest(found: Sequence[Standing]) -> list[Standing]:
    """In the order in which they are shown."""
    return sorted((each for each in found if each.tally.count), key=lambda each: -each.tally.last_at)
