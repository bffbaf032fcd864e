"""The one clock of all records: that of Redis, carried by each process's monotonic clock, so that no jump is seen."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.errors import StoreUnavailable
from app.redis.commands import Commands
from app.redis.connection import Client

SYNC_S = 10.0  # monotonic clocks of two machines drift by milliseconds in that time
SLOW_S = 0.5  # an answer that took longer says too little; half of what it takes may be the error, so that
QUICK_S = 0.005  # one of this kind is asked for, in
TRIES = 3


class SharedClock:
    """Unix seconds as Redis counts them.

    Jobs are created, dated and given up by this clock, whatever the wall clocks of routers and replicas do. Until Redis
    has answered for the first time it is the local one, and `sync` says so. When the clock of Redis itself is set, so
    are all others within `SYNC_S`; leases do not mind (see `app.line.lease_monitor`).
    """

    def __init__(
        self,
        redis: Client,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._commands = Commands(redis)
        self._monotonic = monotonic
        self._offset_s = wall() - monotonic()
        self._synced_at: float | None = None

    def __call__(self) -> float:
        return self._monotonic() + self._offset_s

    async def sync(self) -> None:
        """Ask Redis, if that is due, and go by the quickest of a few answers, as NTP does, or as before without one.

        Raises:
            StoreUnavailable: Redis has never answered: nothing is to be dated, claimed or thrown away by a local clock.
        """
        if self._synced_at is not None and self._monotonic() - self._synced_at < SYNC_S:
            return
        best_s = SLOW_S if self._synced_at is not None else float("inf")
        for _ in range(TRIES):
            asked_at = self._monotonic()
            try:
                seconds, microseconds = await self._commands.call("TIME")
            except StoreUnavailable:
                if self._synced_at is None:
                    raise
                return
            answered_at = self._monotonic()
            if answered_at - asked_at <= best_s:
                best_s = answered_at - asked_at
                self._offset_s = int(seconds) + int(microseconds) / 1e6 - (asked_at + answered_at) / 2
                self._synced_at = answered_at
            if best_s <= QUICK_S:
                return
