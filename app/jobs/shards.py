"""Which dispatcher has which shard of the work, a pool or the house: leases with terms, that writes under them show."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.errors import ShardLost

HOUSE = "@house"  # what belongs to no pool: dependencies, flights, webhooks, sweeps, the merged backlog; no pool's name


@dataclass(frozen=True, slots=True)
class ShardLease:
    """A dispatcher's right to decide for a shard. Each lease of a shard has a term of its own: its fence."""

    shard: str
    holder: str
    term: int

    @property
    def token(self) -> str:
        """What the store compares: after a failover that forgot a term, two may have the same number."""
        return f"{self.term} {self.holder}"


@dataclass(frozen=True, slots=True)
class Meeting:
    """Who is there at a moment, and who has what. Names of dispatchers; `holders` by shard."""

    members: Sequence[str] = ()
    holders: Mapping[str, str] = field(default_factory=dict)


class Shards(Protocol):
    """The leases, timed by the store's own clock alone. Raises StoreUnavailable."""

    async def meet(self, name: str, shards: Collection[str], ttl_s: float) -> Meeting:
        """Say that this dispatcher is there, for so long; who else is, and who has these shards."""
        ...

    async def take(self, shard: str, holder: str, ttl_s: float) -> ShardLease | None:
        """A lease with the next term; None while another holds."""
        ...

    async def renew(self, leases: Sequence[ShardLease], ttl_s: float) -> Sequence[ShardLease]:
        """Prolong them; those that still hold."""
        ...

    async def release(self, name: str, leases: Sequence[ShardLease], leaving: bool = False) -> None:
        """Give up those that still hold; `leaving`: and be there no more."""
        ...


class MemoryShards:
    """The Shards port in this process; `clock` gives seconds of any kind."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[str, tuple[float, ShardLease]] = {}
        self._terms: dict[str, int] = {}
        self._members: dict[str, float] = {}

    async def meet(self, name: str, shards: Collection[str], ttl_s: float) -> Meeting:
        now = self._clock()
        self._members[name] = now + ttl_s
        members = sorted(each for each, until in self._members.items() if until > now)
        holders = {shard: lease.holder for shard in shards if (lease := self._now(shard)) is not None}
        return Meeting(members, holders)

    async def take(self, shard: str, holder: str, ttl_s: float) -> ShardLease | None:
        if self._now(shard) is not None:
            return None
        self._terms[shard] = term = self._terms.get(shard, 0) + 1
        lease = ShardLease(shard, holder, term)
        self._held[shard] = self._clock() + ttl_s, lease
        return lease

    async def renew(self, leases: Sequence[ShardLease], ttl_s: float) -> Sequence[ShardLease]:
        held = [lease for lease in leases if self._now(lease.shard) == lease]
        self._held |= {lease.shard: (self._clock() + ttl_s, lease) for lease in held}
        return held

    async def release(self, name: str, leases: Sequence[ShardLease], leaving: bool = False) -> None:
        for lease in leases:
            if self._now(lease.shard) == lease:
                del self._held[lease.shard]
        if leaving:
            self._members.pop(name, None)

    def check(self, under: ShardLease | None) -> None:
        """Raises ShardLost where the lease holds no more."""
        if under is not None and self._now(under.shard) != under:
            raise ShardLost(f"{under.holder} has {under.shard} no more.")

    def _now(self, shard: str) -> ShardLease | None:
        until, lease = self._held.get(shard, (0.0, None))
        return lease if until > self._clock() else None


def shards_of(pools: Iterable[str]) -> tuple[str, ...]:
    """All there is to hold."""
    return (HOUSE, *sorted(pools))
