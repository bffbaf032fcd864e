"""What the Dispatcher sees from pass to pass comes in, signals of what was mended go out; no clock, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.health.recoveries import Cause, Signal, Standing
from app.types import ReplicaInfo

AWAY_S = 3.0  # Redis that is back sooner, and is the same, was only slow


@dataclass(frozen=True, slots=True)
class Server:
    """Which Redis answers: `run_id` is another for each start of a server, `address` that of sentinels' master."""

    run_id: str  # "": it may not be asked
    address: str | None = None


class ReplicaObserver:
    """Replicas from one look to the next: who is gone without having left, who came instead, who lacks memory."""

    def __init__(self) -> None:
        self._known: dict[str, ReplicaInfo] | None = None
        self._missing: Counter[str] = Counter()
        self._pressed: set[str] = set()

    def resume(self, open_now: Iterable[Standing]) -> None:
        """Go on where the Dispatcher before this one stood, as the log's standings have it."""
        for each in open_now:
            if each.tally.under_way and each.cause == Cause.REPLICA_LOST:
                self._missing[each.subject] = 1
            if each.tally.under_way and each.cause == Cause.MEMORY_PRESSURE:
                self._pressed.add(each.subject)

    def observe(self, replicas: Sequence[ReplicaInfo], wanted: Mapping[str, int], now: float) -> list[Signal]:
        """What has changed. `wanted`: replicas that a pool should have, of pools that scale."""
        here = {each.replica: each for each in replicas}
        signals = [*self._replaced(here, wanted, now), *self._memory(replicas, now)]
        self._known = here
        return signals

    def under_way(self, now: float) -> list[Signal]:
        """What lasts, said again: so that it is told when a cool-down has kept it back."""
        lost = [_lost(pool, f"{count} missing in {pool}", now) for pool, count in self._missing.items() if count]
        return [*lost, *(_pressed(pool, f"{pool} is short of memory.", now) for pool in sorted(self._pressed))]

    def _replaced(self, here: Mapping[str, ReplicaInfo], wanted: Mapping[str, int], now: float) -> Iterable[Signal]:
        if self._known is None:
            yield from self._after_a_start(here, now)
            return
        for name in sorted(self._known.keys() - here.keys()):
            gone = self._known[name]
            if not gone.leaving:
                self._missing[gone.pool] += 1
                yield _lost(gone.pool, f"The replica {name} of {gone.pool} is gone without having left.", now)
        for name in sorted(here.keys() - self._known.keys()):
            pool = here[name].pool
            if self._missing[pool]:
                self._missing[pool] -= 1
                if not self._missing[pool]:
                    yield _replaced(pool, f"The replica {name} took the place of the one that was lost.", now)
        for pool, count in list(self._missing.items()):
            present = sum(each.pool == pool for each in here.values())
            if count and pool in wanted and present >= wanted[pool]:
                self._missing[pool] = 0
                yield _replaced(pool, f"{pool} needs no more replicas than it has.", now)

    def _after_a_start(self, here: Mapping[str, ReplicaInfo], now: float) -> Iterable[Signal]:
        """Nobody knows how many there were: a pool that was missing some and has one has been mended."""
        for pool in [pool for pool, count in self._missing.items() if count]:
            if any(each.pool == pool for each in here.values()):
                self._missing[pool] = 0
                yield _replaced(pool, f"{pool} has replicas again.", now)

    def _memory(self, replicas: Sequence[ReplicaInfo], now: float) -> Iterable[Signal]:
        short = {each.pool: each for each in replicas if each.pressure != "ok"}
        for pool in sorted(short.keys() - self._pressed):
            one = short[pool]
            yield _pressed(pool, f"Memory of {one.replica} is at {one.pressure}: {_used(one)}.", now)
        for pool in sorted(self._pressed - short.keys()):
            yield Signal(Cause.MEMORY_PRESSURE, pool, "ended", f"{pool} has handed memory back.", now)
        self._pressed = set(short)


class RedisObserver:
    """Redis from one look to the next."""

    def __init__(self) -> None:
        self._known: Server | None = None

    def observe(self, server: Server, away_s: float, now: float) -> list[Signal]:
        """What has happened to it; `away_s`: for how long it has not answered until now."""
        before, self._known = self._known, server
        for_so_long = f" It did not answer for {away_s:.0f} s." if away_s >= 1 else ""
        if before is not None and before.address != server.address:
            detail = f"The master is {server.address} now, and was {before.address}.{for_so_long}"
            return [Signal(Cause.FAILOVER_FOLLOWED, "redis", "happened", detail, now)]
        if before is not None and before.run_id != server.run_id and before.run_id and server.run_id:
            detail = f"Redis was started again; jobs and leases go on as it has them.{for_so_long}"
            return [Signal(Cause.REDIS_RESTARTED, "redis", "happened", detail, now)]
        if away_s >= AWAY_S:
            return [Signal(Cause.REDIS_AWAY, "redis", "happened", for_so_long.strip(), now)]
        return []


def _lost(pool: str, detail: str, now: float) -> Signal:
    return Signal(Cause.REPLICA_LOST, pool, "began", detail, now)


def _replaced(pool: str, detail: str, now: float) -> Signal:
    return Signal(Cause.REPLICA_LOST, pool, "ended", detail, now)


def _pressed(pool: str, detail: str, now: float) -> Signal:
    return Signal(Cause.MEMORY_PRESSURE, pool, "began", detail, now)


def _used(one: ReplicaInfo) -> str:
    device = "" if one.device_memory is None else f", of the device {one.device_memory:.0%}"
    return f"{one.host_memory:.0%} of the host's is in use{device}"
