"""A simulated service: its stores, its processes, what is between them, and the faults that are done to them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from app.cache.memory import MemoryCache
from app.line.pressure import Used
from app.settings import Settings
from app.simulate.faults.autoscaler import autoscale
from app.simulate.faults.failover import Snapshot, lost_by
from app.simulate.faults.network import Network
from app.simulate.faults.node import Node
from app.simulate.faults.nodes import DispatcherNode, FinisherNode, ReplicaNode, RouterNode
from app.simulate.faults.remote import Server
from app.simulate.faults.scenario import Fault, FaultKind, Scenario
from app.simulate.faults.trace import Trace
from app.simulate.faults.watch import Told, Watch, WatchedArtifacts, WatchedCheckpoints, WatchedEvents, WatchedJobs
from app.simulate.virtual_time import VirtualLoop
from app.stores import memory_stores

EPOCH_S = 1_800_000_000.0  # Unix seconds when a run begins
SECRET = "whsec_" + "c2ltdWxhdGVkIHNlY3JldCBvZiBhIHJlY2VpdmVy"
RECEIVER = "https://receiver.example.com/hook"
SUPERVISED_S = 2.0  # between two health checks
DRAINED_S = 12.0  # after which a replica that is to leave is ended, and
EMPTY_S = 1.0  # between two looks whether it has nothing left, and can be ended before


def settings_of(scenario: Scenario) -> Settings:
    """Those of a service that is simulated: what this machine is set to does not count."""
    return Settings.model_construct(
        default_model="virtual-main",
        lease_s=scenario.lease_s,
        slots=scenario.slots,
        max_batch=scenario.max_batch,
        checkpoint_every=scenario.checkpoint_every,
        tenant_max_running=scenario.tenant_max_running,
        retention_s=scenario.retention_s,
        orphan_grace_s=300.0,
        retry_first_s=0.5,
        retry_most_s=8.0,
        webhook_secret=SecretStr(SECRET),
        job_timeout_s=120.0,
        uploads_kept_s=5.0,
        replicas={pool: (least, dict(scenario.pools)[pool]) for pool, least in scenario.scales},
        replica_start_s=4.0,
        scale_drain_s=1.0,
        scale_idle_s=2.0,
        scale_lower_s=1.0,
    )


class World:
    """Everything of one run. Virtual seconds begin at 0."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop) -> None:
        self.scenario = scenario
        self.loop = loop
        self.settings = settings_of(scenario)
        self.trace = Trace(loop.time)
        self._rngs: Counter[str] = Counter()
        self._ids = self.rng("ids")
        self.draws = self.rng("draws")
        self.watch = Watch(self.trace, self.unix, self.settings.artifacts_kept_s, scenario.tenant_max_running)
        self.watch.lease_s, self.watch.epoch_s = scenario.lease_s, EPOCH_S
        jobs = WatchedJobs(self.settings.failed_kept_s, loop.time, self.watch)
        self.jobs = jobs
        self.artifacts = WatchedArtifacts(self.unix, self.watch)
        self.stores = replace(
            memory_stores(self.settings, self.unix, loop.time, jobs),
            events=WatchedEvents(jobs),
            checkpoints=WatchedCheckpoints(jobs),
            artifacts=self.artifacts,
        )
        self.cache = MemoryCache(2**20, loop.time)
        self.redis = Server("Redis", loop, self.rng("redis"))
        self.artifact_server = Server("The artifact store", loop, self.rng("artifacts"), 1.0)
        self.cache_server = Server("The cache", loop, self.rng("cache"))
        self.network = Network(loop, self.rng("network"))
        self.told = Told(self.watch)
        self.receiver_away = self.starts_fail = False
        self.shaken = self.failed_over = False  # a fault has been done; one of that kind
        self.nodes = self._nodes()

    def _nodes(self) -> dict[str, Node]:
        scenario = self.scenario
        nodes: list[Node] = [
            ReplicaNode(f"{pool}-{each}", pool, self, asked=each < max(1, dict(scenario.scales).get(pool, count)))
            for pool, count in scenario.pools
            for each in range(count)
        ]
        nodes += [FinisherNode(f"finisher{each}", self) for each in range(scenario.finishers)]
        nodes += [DispatcherNode(name, self) for name in scenario.dispatcher_names]
        nodes += [RouterNode(name, self) for name in scenario.router_names]
        return {node.place: node for node in nodes}

    def rng(self, purpose: str) -> random.Random:
        """A source of chance of its own, so that what is drawn here changes nothing there."""
        self._rngs[purpose] += 1
        return random.Random(f"{self.scenario.seed}/{purpose}/{self._rngs[purpose]}")

    def unix(self) -> float:
        """Unix seconds by the clock of Redis."""
        return EPOCH_S + self.loop.time()

    def draw_id(self) -> str:
        """As 32 hexadecimal digits."""
        return f"{self._ids.getrandbits(128):032x}"

    def replica_nodes(self) -> list[ReplicaNode]:
        """Those that have started."""
        return [node for node in self.nodes.values() if isinstance(node, ReplicaNode) and node.started]

    def finisher_nodes(self) -> list[FinisherNode]:
        """Those that have started."""
        return [node for node in self.nodes.values() if isinstance(node, FinisherNode) and node.started]

    def router_nodes(self) -> list[RouterNode]:
        """Those that have started."""
        return [node for node in self.nodes.values() if isinstance(node, RouterNode) and node.started]

    # Life and death

    def start(self) -> None:
        """All processes begin, and the faults are set up."""
        for node in self.nodes.values():
            if node.asked:
                node.boot()
        self.loop.create_task(self._supervise())
        if self.scenario.scales:
            self.loop.create_task(autoscale(self))
        for fault in self.scenario.faults:
            self._plan(fault)

    def kill(self, node: Node, back_in_s: float) -> None:
        """End the process there; another takes its place after so long."""
        if node.process.alive:
            self.loop.kill(node.process)
            node.died()
        self.loop.call_later(back_in_s, self._revive, node, node.lives)

    def _revive(self, node: Node, lives: int) -> None:
        if node.lives == lives and node.asked:
            node.boot()

    async def _supervise(self) -> None:
        """As Serve's controller: what is unwell is ended, what has ended by itself is started again."""
        while True:
            await asyncio.sleep(SUPERVISED_S)
            for node in self.nodes.values():
                if (
                    not node.asked
                    or node.process.frozen
                    or (node.process.alive and not node.started and node.process.tasks)
                ):
                    continue
                try:
                    if not node.process.alive or not node.started:
                        raise RuntimeError("it is gone")
                    node.check()
                except RuntimeError as error:
                    self.trace.note("unwell", node.name, error)
                    self.kill(node, 0.5)

    # Faults

    def _plan(self, fault: Fault) -> None:
        if fault.kind is FaultKind.FAILOVER:
            self.loop.call_at(max(0.0, fault.at - fault.amount), self._before_failover, fault)
            return
        self.loop.call_at(fault.at, self._do, fault)

    def _do(self, fault: Fault) -> None:
        self.shaken = True
        self.trace.note("fault", fault)
        if fault.target:
            for place in fault.target.split("+"):
                self._do_to(self.nodes[place], fault)
            return
        begin, end = self._switches()[fault.kind]
        begin()
        self.loop.call_later(fault.lasts_s, end)

    def _do_to(self, node: Node, fault: Fault) -> None:
        process = node.process
        if fault.kind is FaultKind.KILL:
            self.kill(node, fault.lasts_s)
        elif fault.kind is FaultKind.KILL_AT_CALL:
            process.die_at(process.calls + fault.amount)
        elif fault.kind is FaultKind.PAUSE and process.alive and not process.frozen:
            self.loop.freeze(process)
            self.loop.call_later(fault.lasts_s, self.loop.thaw, process)
        elif fault.kind is FaultKind.SKEW:
            node.skew_s += fault.amount
        elif isinstance(node, ReplicaNode) and node.started:
            if fault.kind is FaultKind.DEVICE:
                node.engine.lose_device()
            elif fault.kind is FaultKind.MEMORY:
                host, device = max(0.0, fault.amount), max(0.0, -fault.amount)
                node.engine.memory = Used(host, device)
                self.loop.call_later(fault.lasts_s, setattr, node.engine, "memory", Used(0.0, 0.0))
            elif fault.kind is FaultKind.DRAIN:
                self.drain(node)

    def drain(self, node: ReplicaNode) -> None:
        """It is given no more work, has some time to hand on what it has, and is ended."""
        node.routed = False
        self.loop.call_later(EMPTY_S, self._drained, node, node.lives, self.loop.now + DRAINED_S)

    def _drained(self, node: ReplicaNode, lives: int, until: float) -> None:
        if node.lives != lives:
            return
        if node.started and node.replica.attempts and self.loop.now < until:
            self.loop.call_later(EMPTY_S, self._drained, node, lives, until)
        else:
            self.kill(node, 0.5)

    def _switches(self) -> dict[FaultKind, tuple[Callable[[], None], Callable[[], None]]]:
        def switch(thing: object, name: str, on: Any, off: Any) -> tuple[Callable[[], None], Callable[[], None]]:
            return (lambda: setattr(thing, name, on)), (lambda: setattr(thing, name, off))

        return {
            FaultKind.REDIS_AWAY: switch(self.redis, "away", True, False),
            FaultKind.REDIS_SLOW: switch(self.redis, "slow_s", 0.15, 0.0),
            FaultKind.ANSWERS_LOST: switch(self.redis, "loses_answers", 0.15, 0.0),
            FaultKind.ARTIFACTS: switch(self.artifact_server, "refuses", 0.7, 0.0),
            FaultKind.LOSE: switch(self.network, "loses", 0.4, 0.0),
            FaultKind.DOUBLE: switch(self.network, "doubles", 0.6, 0.0),
            FaultKind.DELAY: switch(self.network, "delays", 0.5, 0.0),
            FaultKind.STARTS: switch(self, "starts_fail", True, False),
            FaultKind.RECEIVER: switch(self, "receiver_away", True, False),
        }

    def _before_failover(self, fault: Fault) -> None:
        stores = self.stores
        kept = (*(getattr(stores, name) for name in FAILS_OVER), self.jobs.accounts)
        snapshot, records = Snapshot(kept), {job.id: job for job in self.jobs.all()}
        self.loop.call_at(fault.at, self._failover, fault, snapshot, records)

    def _failover(self, fault: Fault, snapshot: Snapshot, records: dict[str, Any]) -> None:
        self.shaken = self.failed_over = True
        self.trace.note("fault", fault)
        now = {job.id: job for job in self.jobs.all()}
        snapshot.restore()
        lost = lost_by(now, records)
        self.watch.rolled_back |= lost | (records.keys() - now.keys())
        self.watch.renewed_at.clear()  # renewals are lost with the rest
        for job_id in lost:
            self.watch.ended.pop(job_id, None)
        self.watch.ended.update({name: job.phase.value for name, job in records.items() if job.phase.ended})
        self.redis.away = True
        self.loop.call_later(fault.lasts_s, setattr, self.redis, "away", False)


FAILS_OVER = ("shards", "jobs", "checkpoints", "events", "board", "flights", "outbox", "storyboards", "uploads")
