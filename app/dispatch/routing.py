"""Which replicas can be counted on, and which are being stopped: those that are there but no longer routed to; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.types import ReplicaInfo

MISSES = 2  # so many roll calls without a replica, and it is told to leave
NEVER_S = 10.0  # one that was never reached at all is told after this: the dispatcher may be newer than it


def drain_signal(replica: str) -> str:
    """The signal, among those that stop jobs, by which a replica is told to hand its jobs back and leave."""
    return f"replica_{replica}"


class RoutingView:
    """Compares, roll call by roll call, who was reached with who announces itself.

    Serve takes a replica that it stops out of its routing at once, but tells the replica only when all its calls have
    ended: with calls as long as a job that is too late. So whoever is no longer reached is told by us.
    """

    def __init__(self) -> None:
        self._missed: dict[str, int] = {}  # since it was last reached, by replica that has been reached
        self._pool: dict[str, str] = {}
        self._first_seen: dict[str, float] = {}
        self._called: set[str] = set()

    def observe(self, pool: str, reached: Collection[str]) -> None:
        """The answer to a roll call of one pool, whole: without any doubt about who did not answer."""
        self._called.add(pool)
        for name, of in self._pool.items():
            if of == pool:
                self._missed[name] += 1
        for name in reached:
            self._pool[name], self._missed[name] = pool, 0

    def forget(self, pool: str) -> None:
        """All that was seen of it."""
        self._called.discard(pool)
        for name in [name for name, of in self._pool.items() if of == pool]:
            del self._pool[name], self._missed[name]
            self._first_seen.pop(name, None)

    def routable(self, replicas: Sequence[ReplicaInfo]) -> list[ReplicaInfo]:
        """Those that can be counted on: of a pool that has been called, only those that Serve reaches.

        One that has just come announces itself before Serve gives it anything; jobs meant for it would go to others.
        """
        return [each for each in replicas if not each.leaving and self._reached(each)]

    def any_unreached(self, replicas: Sequence[ReplicaInfo]) -> bool:
        """Whether somebody is there who has not been reached yet: the next roll call should not wait long."""
        return any(not each.leaving and each.replica not in self._missed for each in replicas)

    def _reached(self, replica: ReplicaInfo) -> bool:
        missed = self._missed.get(replica.replica)
        return missed == 0 if missed is not None else replica.pool not in self._called

    def to_drain(self, replicas: Sequence[ReplicaInfo], now: float) -> set[str]:
        """The names of those that are to hand their jobs back and do not know it yet; `now` of a monotonic clock."""
        here = {each.replica: each for each in replicas}
        self._first_seen = {name: self._first_seen.get(name, now) for name in here}
        for name in set(self._pool) - set(here):
            del self._pool[name], self._missed[name]
        return {name for name, each in here.items() if not each.leaving and self._gone(each, now)}

    def _gone(self, replica: ReplicaInfo, now: float) -> bool:
        if replica.replica in self._missed:
            return self._missed[replica.replica] >= MISSES
        return replica.pool in self._called and now - self._first_seen[replica.replica] > NEVER_S
