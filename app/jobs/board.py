"""The port to small state that processes share: notes with a time to live, counters, and who needs which artifacts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from app.jobs.shards import MemoryShards, ShardLease

BACKLOG = "backlog"  # a note, `app.line.backlog`
PLACES = "places"  # a note, `app.line.queue_places`; of all tenants, so never shown whole
NODES = "nodes"  # a note: how many nodes the cluster has, and has lost; `app.dispatch.cluster_watch`
SHARES = "shares"  # a note, `app.line.tenant_shares`; of all tenants, so never shown whole
DIRECTOR = "director"  # a note: when any process last looked for storyboards that are due
STARTS = "pool_starts"  # a note: what the first replica of each pool took to come, in seconds
# counters: "pool/priority/number of the tenant" to step-seconds of all that was ever let in; the backlog holds a copy
ENTERED = "entered"
REMOVAL_S = 60.0  # so long nobody holds what somebody is removing, who may have died meanwhile


class Board(Protocol):
    """Notes by name, each with a time to live, and counters. Raises StoreUnavailable."""

    async def put(self, name: str, note: Mapping[str, object], ttl_s: float, under: ShardLease | None = None) -> None:
        """Replace the note; `under`: only by right of that lease. Raises ShardLost where it holds no more."""
        ...

    async def get(self, name: str) -> dict[str, object] | None:
        """The note, or None when there is none or it is too old."""
        ...

    async def forget(self, name: str) -> None:
        """Remove the note, if there is one."""
        ...

    async def increment(self, name: str, field: str, amount: float) -> dict[str, float]:
        """Add to one of the counters of that name; all of them afterwards, nobody in between."""
        ...

    async def counters(self, name: str) -> dict[str, float]:
        """All counters of that name."""
        ...

    async def put_once(self, name: str, value: str) -> str:
        """Write a word for good, unless the name has one already; the word that it has."""
        ...

    async def hold(self, origin: str, job_id: str) -> bool:
        """Say that `job_id` needs the artifacts of `origin` (the job that made them).

        False, and nothing is held, where they are just being removed (`retire`).
        """
        ...

    async def release(self, origin: str, job_id: str) -> bool:
        """Say that it no longer does; True when no job needs them any more."""
        ...

    async def retire(self, origin: str, job_id: str) -> bool:
        """`release` by one who is going to remove what nobody needs: True, and nobody can hold it until `removed`.

        Between a look at who needs it and its removal a request would otherwise find it in a cache, hold it, see that
        it is still there, and be answered with it. One that dies in between is waited for for REMOVAL_S.
        """
        ...

    async def removed(self, origin: str) -> None:
        """What was retired is gone, or stays after all; what is stored by that name from now on may be held."""
        ...

    async def holders(self, origin: str) -> set[str]:
        """Who has said so. One that died just before its record was written may be among them."""
        ...


class MemoryBoard:
    """Notes in this process: tests and tools."""

    def __init__(self, clock: Callable[[], float] = time.time, shards: MemoryShards | None = None) -> None:
        self._clock = clock
        self._shards = shards
        self._notes: dict[str, tuple[float, dict[str, object]]] = {}
        self.holds: dict[str, set[str]] = {}  # shared with MemoryStoryboards
        self._going: dict[str, float] = {}  # what is being removed, and until when that is waited for
        self._words: dict[str, str] = {}
        self._counters: dict[str, dict[str, float]] = {}

    async def put(self, name: str, note: Mapping[str, object], ttl_s: float, under: ShardLease | None = None) -> None:
        if self._shards is not None:
            self._shards.check(under)
        self._notes[name] = (self._clock() + ttl_s, dict(note))

    async def get(self, name: str) -> dict[str, object] | None:
        until, note = self._notes.get(name, (0.0, {}))
        return note if until > self._clock() else None

    async def forget(self, name: str) -> None:
        self._notes.pop(name, None)

    async def increment(self, name: str, field: str, amount: float) -> dict[str, float]:
        fields = self._counters.setdefault(name, {})
        fields[field] = fields.get(field, 0.0) + amount
        return dict(fields)

    async def counters(self, name: str) -> dict[str, float]:
        return dict(self._counters.get(name, {}))

    async def put_once(self, name: str, value: str) -> str:
        return self._words.setdefault(name, value)

    async def hold(self, origin: str, job_id: str) -> bool:
        if self._clock() < self._going.get(origin, 0.0):
            return False
        self.holds.setdefault(origin, set()).add(job_id)
        return True

    async def release(self, origin: str, job_id: str) -> bool:
        holders = self.holds.get(origin, set())
        holders.discard(job_id)
        return not holders

    async def retire(self, origin: str, job_id: str) -> bool:
        free = await self.release(origin, job_id)
        if free:
            self._going[origin] = self._clock() + REMOVAL_S
        return free

    async def removed(self, origin: str) -> None:
        self._going.pop(origin, None)

    async def holders(self, origin: str) -> set[str]:
        return set(self.holds.get(origin, ()))
