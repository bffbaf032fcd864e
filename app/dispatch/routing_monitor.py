"""Calls the roll of every pool of its own, again and again; replicas no longer routed to are told to leave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from app.dispatch.holding import Holding
from app.dispatch.pace import Pace
from app.dispatch.ports import DispatchStores, RollCall
from app.dispatch.routing import RoutingView, drain_signal
from app.errors import KinorayError
from app.types import ReplicaInfo

log = logging.getLogger(__name__)
CALL_S = 1.0  # between two roll calls,
IDLE_CALL_S = 4.0  # while no job waits or runs, which a replica that is stopped would have to hand back, and
SOON_S = 0.2  # while there is a replica that has not been reached yet


class RoutingMonitor:
    """A roll call of every pool of this dispatcher each second; what it finds is the RoutingView's to judge."""

    def __init__(
        self, holding: Holding, roll_call: RollCall, stores: DispatchStores, monotonic: Callable[[], float], pace: Pace
    ) -> None:
        self._pace = pace
        self._holding = holding
        self._called: frozenset[str] = frozenset()
        self._roll_call = roll_call
        self._stores = stores
        self._monotonic = monotonic
        self._view = RoutingView()

    def routable(self, replicas: Sequence[ReplicaInfo]) -> list[ReplicaInfo]:
        """Those that still take jobs."""
        return self._view.routable(replicas)

    def any_unreached(self, replicas: Sequence[ReplicaInfo]) -> bool:
        """Whether one of them has not answered yet, so that nobody knows whether it takes jobs."""
        return self._view.any_unreached([each for each in replicas if self._holding.has(each.pool)])

    async def run(self) -> None:
        """Without end."""
        while True:
            pause_s = CALL_S
            try:
                pause_s = await self.call()
            except KinorayError as error:
                log.warning("No roll call: %s", error)
            except Exception:
                log.exception("A roll call failed")
            await self._pace.pause(pause_s, IDLE_CALL_S if pause_s == CALL_S else pause_s)

    async def call(self) -> float:
        """One roll call of every pool; returns the seconds until the next. Raises StoreUnavailable."""
        pools = frozenset(self._holding.pools)
        for pool in self._called - pools:  # another calls them now; who comes back knows nothing of that time
            self._view.forget(pool)
        self._called = pools
        await asyncio.gather(*map(self._call, pools))
        replicas = [each for each in await self._stores.jobs.replicas() if self._holding.has(each.pool)]
        for name in self._view.to_drain(replicas, self._monotonic()):
            log.info("Replica %s is being stopped: it is told to hand its jobs back", name)
            await self._stores.stops.send(drain_signal(name))
        return SOON_S if self.any_unreached(replicas) else CALL_S

    async def _call(self, pool: str) -> None:
        names = await self._roll_call.present(pool)
        if names is not None:
            self._view.observe(pool, names)
