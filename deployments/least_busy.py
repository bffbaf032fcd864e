"""To which replica of a pool an attempt goes: the one with the fewest; jobs are too long to even out by chance."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ray.serve.request_router import FIFOMixin, PendingRequest, ReplicaID, ReplicaResult, RequestRouter, RunningReplica

from deployments.ray_private import ask_loads

TAKEN_WITHIN_S = 1.0  # one that no replica has taken by then hardly will be: its caller is gone, or nobody answers


@dataclass(slots=True)
class _OnItsWay:
    """A call that no replica has taken yet: to whom it goes, since when, and whether Serve has counted it."""

    replica: ReplicaID
    since: float
    sent: bool = False


class LeastBusy(FIFOMixin, RequestRouter):
    """Asks every replica whose load is not known, then takes the least busy of all; one of them where several are.

    Serve's own choice is the better of two drawn by lot; it prefers a replica that it knows to one that has just come,
    and calls at once do not see each other. A burst then piles up on one replica while those started for its sake have
    nothing to do. Nor do Serve's counts suffice: a replica that takes the first of two calls says that it has one, and
    the second, on its way, is forgotten. So this router counts its own calls, from choice to end; Serve's count stands
    beside it for those of others, such as a dispatcher that is no more.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._on_their_way: dict[int, _OnItsWay] = {}  # by identity: calls of one request share Serve's ids
        self._taken: Counter[ReplicaID] = Counter()

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """A rank for each replica, the least busy first: Serve asks the next where one is full."""
        known = self.replica_queue_len_cache
        if strange := [replica for replica in candidate_replicas if known.get(replica.replica_id) is None]:
            await ask_loads(self, strange)
        self._forget_old()
        ranks = sorted(random.sample(candidate_replicas, len(candidate_replicas)), key=self._load)
        if ranks:
            self._on_their_way[id(pending_request)] = _OnItsWay(ranks[0].replica_id, time.monotonic())
        return [[replica] for replica in ranks]

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """From now on Serve counts it."""
        super().on_send_request(replica_id)
        found = next(
            (each for each in self._on_their_way.values() if each.replica == replica_id and not each.sent), None
        )
        if found is not None:
            found.sent = True

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: ReplicaResult) -> None:
        """The replica has taken it, be it the first of its ranks or another."""
        super().on_request_routed(pending_request, replica_id, result)
        self._on_their_way.pop(id(pending_request), None)
        self._taken[replica_id] += 1

    def decrement_queue_len_cache(self, replica_id: ReplicaID) -> None:
        """One that it had taken has ended, in whatever way."""
        super().decrement_queue_len_cache(replica_id)
        self._taken[replica_id] = max(0, self._taken[replica_id] - 1)

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """Who is gone takes its calls along."""
        super().update_replicas(replicas)
        here = {each.replica_id for each in replicas}
        self._taken = Counter({each: count for each, count in self._taken.items() if each in here})

    def _forget_old(self) -> None:
        since = time.monotonic() - TAKEN_WITHIN_S
        self._on_their_way = {call: each for call, each in self._on_their_way.items() if each.since > since}

    def _load(self, replica: RunningReplica) -> float:
        name = replica.replica_id
        counted = self.replica_queue_len_cache.get(name)
        if counted is None:  # it did not answer
            return float("inf")
        coming = [each.sent for each in self._on_their_way.values() if each.replica == name]
        return float(max(counted + coming.count(False), self._taken[name] + len(coming)))
