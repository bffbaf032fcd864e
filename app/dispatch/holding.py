"""What of the work is this dispatcher's: all of it, or the pools whose leases it holds among several dispatchers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from app.dispatch.assignment import assign
from app.errors import KinorayError, ShardLost
from app.jobs.shards import HOUSE, ShardLease, Shards, shards_of

log = logging.getLogger(__name__)
TTL_S = 6.0  # of a shard's lease, which is how long nobody decides for it when its holder has died
SETTLE_S = 1.5  # between two looks at who is there
MARGIN_S = 0.5  # before the end of its lease a holder decides no more


class Holding(Protocol):
    """Asked at each pass, and before each write."""

    async def settle(self) -> None:
        """Look who is there, and give up or take what follows from it, if it is time. Raises StoreUnavailable."""
        ...

    @property
    def pools(self) -> Sequence[str]:
        """Those that are its own now."""
        ...

    @property
    def house(self) -> bool:
        """Whether what belongs to no pool is its own."""
        ...

    @property
    def others(self) -> Sequence[str]:
        """Names of the other dispatchers."""
        ...

    @property
    def name(self) -> str: ...

    def has(self, pool: str) -> bool:
        """Whether it decides for jobs of that pool; those of a pool that nobody knows belong to the house."""
        ...

    def under(self, shard: str) -> ShardLease | None:
        """The lease that a write for it shows; None: none is needed. Raises ShardLost where it is not its own now."""
        ...

    def doubt(self) -> None:
        """The store has refused a write by a lease: the next pass settles who has what."""
        ...

    async def close(self) -> None:
        """Give up everything at once."""
        ...


class Alone:
    """The only dispatcher: everything is its own, by no lease."""

    name, house = "", True
    others: Sequence[str] = ()

    def __init__(self, pools: Collection[str]) -> None:
        self.pools: Sequence[str] = tuple(pools)

    async def settle(self) -> None:
        """There is nothing to settle."""

    def has(self, pool: str) -> bool:
        return True

    def under(self, shard: str) -> None:
        return None

    def doubt(self) -> None:
        """There is nobody else."""

    async def close(self) -> None:
        """Nobody waits for it."""


class Shared:
    """One of several dispatchers. `monotonic` gives seconds; a lease counts from before it was asked for."""

    def __init__(self, name: str, pools: Collection[str], shards: Shards, monotonic: Callable[[], float]) -> None:
        self.name = name
        self.others: Sequence[str] = ()
        self._known = frozenset(pools)
        self._all = shards_of(pools)
        self._shards = shards
        self._monotonic = monotonic
        self._leases: dict[str, tuple[ShardLease, float]] = {}  # with the moment until which they are relied on
        self._settled_at: float | None = None

    async def settle(self) -> None:
        at = self._monotonic()
        if self._settled_at is not None and at - self._settled_at < SETTLE_S:
            return
        mine = [lease for lease, _ in self._leases.values()]
        held = await self._shards.renew(mine, TTL_S)
        self._leases = {lease.shard: (lease, at + TTL_S - MARGIN_S) for lease in held}
        meeting = await self._shards.meet(self.name, self._all, TTL_S)
        self.others = [member for member in meeting.members if member != self.name]
        wanted = assign(meeting.members, self._all, meeting.holders)
        surplus = [lease for lease in held if wanted.get(lease.shard) != self.name]
        if surplus:
            for lease in surplus:
                del self._leases[lease.shard]
            log.info("Gives up %s", ", ".join(lease.shard for lease in surplus))
            await self._shards.release(self.name, surplus)
        for shard in self._all:
            if wanted[shard] == self.name and shard not in meeting.holders:
                await self._take(shard)
        self._settled_at = at

    async def _take(self, shard: str) -> None:
        at = self._monotonic()
        lease = await self._shards.take(shard, self.name, TTL_S)
        if lease is not None:
            log.info("Takes %s, term %s", shard, lease.term)
            self._leases[shard] = lease, at + TTL_S - MARGIN_S

    @property
    def pools(self) -> Sequence[str]:
        return [shard for shard in self._all if shard != HOUSE and self._live(shard) is not None]

    @property
    def house(self) -> bool:
        return self._live(HOUSE) is not None

    def has(self, pool: str) -> bool:
        return self._live(self._shard(pool)) is not None

    def under(self, shard: str) -> ShardLease:
        lease = self._live(self._shard(shard))
        if lease is None:
            raise ShardLost(f"{self.name} has {shard} no more.")
        return lease

    def _shard(self, name: str) -> str:
        return name if name in self._known else HOUSE

    def _live(self, shard: str) -> ShardLease | None:
        lease, until = self._leases.get(shard, (None, 0.0))
        return lease if self._monotonic() < until else None

    def doubt(self) -> None:
        self._settled_at = None

    async def close(self) -> None:
        leases, self._leases = [lease for lease, _ in self._leases.values()], {}
        try:
            await self._shards.release(self.name, leases, leaving=True)
        except KinorayError as error:  # they run out
            log.info("Not given up: %s", error)
