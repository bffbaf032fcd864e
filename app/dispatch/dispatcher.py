"""The Dispatcher: pass by pass it looks at line, leases and replicas, decides, and acts; the stores hold its state."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from app.dispatch.abilities import Abilities
from app.dispatch.attempts import Attempts
from app.dispatch.cluster_watch import Cluster, ClusterWatch, NoCluster
from app.dispatch.deadlines import give_up, give_up_followers
from app.dispatch.health_watch import HealthWatch
from app.dispatch.holding import Alone, Holding, Shared
from app.dispatch.pace import Pace
from app.dispatch.pool_starts import PoolStarts
from app.dispatch.ports import Deliveries, DispatchStores, RollCall, Workers
from app.dispatch.publisher import Publisher
from app.dispatch.routing_monitor import RoutingMonitor
from app.dispatch.snapshot import Snapshot, capacity_of
from app.dispatch.sweep import Sweep
from app.dispatch.tenant_accounts import TenantAccounts
from app.errors import KinorayError, ShardLost
from app.jobs.board import ENTERED
from app.jobs.shards import HOUSE
from app.line.dispatch import Dispatch
from app.line.lease_monitor import LeaseMonitor
from app.line.rules import rules_of
from app.line.scaling import Scaling, scale_rules_of
from app.service.background import Background
from app.service.dependencies import release_dependants
from app.settings import Settings
from app.types import Job

log = logging.getLogger(__name__)
PASS_S = 0.5  # the line is looked at this often even when nobody calls, and
IDLE_PASS_S = 2.0  # when nothing waits or runs: whatever is to be done at once then calls
STILL_S = 60.0  # without a pass for so long, it is not well
SETTLED = 100  # flights, and late followers, that one pass deals with


class Dispatcher:
    """Of each pool exactly one is active; it may die at any moment, as every decision is written before it acts.

    `pools` are those whose replicas are called up; `monotonic` gives the seconds by which durations are measured.
    `name`: it shares the pools with others, who have other names (`app.dispatch.holding`); none: all is its own.
    """

    def __init__(
        self,
        settings: Settings,
        stores: DispatchStores,
        workers: Workers,
        roll_call: RollCall,
        deliveries: Deliveries,
        pools: Collection[str],
        monotonic: Callable[[], float] = time.monotonic,
        cluster: Cluster | None = None,
        name: str = "",
    ) -> None:
        self._settings = settings
        self._pools = tuple(pools)
        self._holding: Holding = Shared(name, pools, stores.shards, monotonic) if name else Alone(pools)
        self._stores = stores
        self._deliveries = deliveries
        self._monotonic = monotonic
        self._rules = rules_of(settings)
        self._line = Dispatch(self._rules)
        self._abilities = Abilities()
        self._scaling = Scaling(scale_rules_of(settings))
        self._lease_monitor = LeaseMonitor(settings.lease_s)
        self._background = Background()
        self._pace = Pace()
        self._routing = RoutingMonitor(self._holding, roll_call, stores, monotonic, self._pace)
        self._cluster = ClusterWatch(cluster or NoCluster(), stores.board, self._holding, self._pace)
        self._attempts = Attempts(settings, stores, workers, self._background, self._holding)
        self._pool_starts = PoolStarts(self._scaling, stores, self._holding)
        self._publisher = Publisher(settings, stores, self._scaling, self._holding, pools)
        self._accounts = TenantAccounts(self._rules, stores, self._holding)
        self._sweep = Sweep(settings, stores, self._background, monotonic)
        self._health = HealthWatch(stores, monotonic)
        self._passed_at = monotonic()
        self._pause_s = PASS_S

    def start(self) -> None:
        """Begin to look, without end. Needs a running event loop."""
        self._background.keep(self._run(), "the dispatcher's loop")
        self._background.keep(self._routing.run(), "the roll call")
        self._background.keep(self._cluster.run(), "the look at the cluster")

    async def close(self) -> None:
        """Stop looking and let go of the attempts under way, which go on where they are, by their leases."""
        await self._background.close()
        await self._holding.close()

    def check(self) -> None:
        """Raises RuntimeError when a loop has died, or no pass has ended for a minute."""
        self._background.check()
        if self._monotonic() - self._passed_at > max(STILL_S, 20 * self._settings.redis_timeout_s):
            raise RuntimeError("the dispatcher has stood still for a minute")

    @property
    def wanted(self) -> dict[str, int]:
        """Replicas that each pool that scales should have."""
        return {pool: decision.wanted for pool, decision in self._scaling.decided.items()}

    async def look_at_cluster(self) -> None:
        """One look at nodes and places, as the loop takes them. Raises StoreUnavailable."""
        await self._cluster.look()

    async def call_roll(self) -> None:
        """One roll call, as the loop makes them. Raises StoreUnavailable."""
        await self._routing.call()

    async def run_pass(self) -> None:
        """One look at everything, one set of decisions, then the acts. Raises StoreUnavailable."""
        await self._stores.clock.sync()
        now = self._stores.clock()
        await self._holding.settle()
        if self._holding.house:
            await release_dependants(self._stores, now)
        await self._pool_starts.restore()
        seen = await self._look(now)
        line = self._line.line
        line.observe(seen.waiting)
        shares = await self._accounts.observe(seen.waiting, seen.running, now, line.here)
        start, late = self._line.choose([*seen.running, *seen.elsewhere], seen.capacity, now, shares.starts)
        told = self._publisher.due(len(seen.waiting) + len(seen.running), now)
        left = self._line.left(start, shares.starts) if told else ()  # in the order before this pass is charged
        await self._accounts.charge(start)
        for job in start:
            await self._attempts.start(job)
        for job in late:
            await give_up(job, self._stores, now)
        if told:
            await self._publisher.tell(seen, left, start, shares, self._cluster.unplaced)
        await self._pool_starts.keep()
        if self._holding.house:
            await self._keep_house(seen, now)
        else:
            self._health.forget()
        self._passed_at = self._monotonic()
        # A pool that scales is minded all the time.
        idle = not (seen.waiting or seen.running or self._settings.replicas)
        self._pace.found(not idle or self._routing.any_unreached(seen.announced))
        self._pause_s = IDLE_PASS_S if idle and not self._holding.name else PASS_S

    async def _keep_house(self, seen: Snapshot, now: float) -> None:
        """What belongs to no pool: piece by piece, each begun only while the house is this dispatcher's.

        A piece under way when the lease goes to another is finished, and may be done by both: none does harm then
        (`tests/simulate/faults/test_dispatchers.py`). Raises ShardLost, StoreUnavailable.
        """
        for piece in (self._settle_flights, self._tell_receivers, self._sweep.run_if_due):
            self._holding.under(HOUSE)
            await piece(now)
        self._holding.under(HOUSE)
        rows = (self._publisher.last.pools or {}).items()
        wanted = (
            {pool: row.wanted for pool, row in rows if row.wanted is not None} if self._holding.name else self.wanted
        )
        await self._health.after_pass(seen.announced, self._publisher.last, wanted, now)

    async def _settle_flights(self, now: float) -> None:
        await self._sweep.resolve_flights(await self._stores.flights.unresolved(now, SETTLED), now)
        await give_up_followers(self._stores, now, SETTLED)

    async def _tell_receivers(self, now: float) -> None:
        for job_id in await self._deliveries.due(now):
            self._background.spawn(self._deliveries.deliver(job_id), f"webhook of {job_id}")

    async def _run(self) -> None:
        while True:
            try:
                await self.run_pass()
                among = (self._holding.name, self._holding.others) if self._holding.name else ()
                await self._stores.jobs.wait_for_work(self._pause_s, *among)
            except (
                ShardLost
            ) as error:  # between two passes another has taken it over: this pass ends, and the next settles
                log.warning("A pass ends early: %s", error)
                self._holding.doubt()
                await asyncio.sleep(0)
            except KinorayError as error:  # Redis is away: nothing can be decided, and nothing is lost
                log.warning("The dispatcher waits: %s", error)
                self._health.failed()
                await asyncio.sleep(PASS_S)
            except Exception:
                log.exception("A pass of the dispatcher failed")
                await asyncio.sleep(PASS_S)

    async def _look(self, now: float) -> Snapshot:
        """Everything at one moment; leases that have run out are taken back on the way."""
        jobs = self._stores.jobs
        entered = await self._stores.board.counters(ENTERED)
        asked_at = self._monotonic()
        waiting, replicas, leased = await asyncio.gather(jobs.waiting(), jobs.replicas(), jobs.leased())
        lost = self._lease_monitor.lost([lease for lease, _ in leased], self._monotonic(), asked_at)
        own, shared = self._holding.has, bool(self._holding.name)
        await self._attempts.take_back([lease for lease in lost if own(lease.holder)], now)
        gone = {lease.job_id for lease in lost}
        held = [lease for lease, _ in leased if lease.job_id not in gone]
        under_way = [job for _, job in leased if job.id not in gone and not job.phase.ended]
        running, elsewhere = under_way, list[Job]()
        if shared:
            held = [lease for lease in held if own(lease.holder)]
            running = [job for job in under_way if own(job.plan.pool)]
            elsewhere = [job for job in under_way if not own(job.plan.pool)]
        routable = self._routing.routable([each for each in replicas if own(each.pool)] if shared else replicas)
        known, unplaced = self._holding.pools, self._cluster.unplaced
        capacity = capacity_of(routable, held, self._settings, self._scaling, known, now, unplaced, own)
        mine = [job for job in waiting if own(job.plan.pool)] if shared else waiting
        capacity |= {
            pool: replace(capacity[pool], shut_to=ids) for pool, ids in self._abilities.beyond(mine, routable).items()
        }
        return Snapshot(now, entered, mine, running, routable, capacity, replicas, elsewhere)
