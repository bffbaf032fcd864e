"""To which replica of a pool an attempt goes: the one with the fewest; jobs are too long to even out by chance."""

from __future__ import annotations

import random
import time
from collections import deque
from typing import Any

from ray.serve.request_router import FIFOMixin, PendingRequest, ReplicaID, RequestRouter, RunningReplica

from deployments.ray_private import ask_loads

SENT_S = 1.0  # a call that has not been sent by then never will be: its caller is gone


class LeastBusy(FIFOMixin, RequestRouter):
    """Asks every replica whose load is not known, then takes the least busy of all; one of them where several are.

    Serve's own choice is the better of two drawn by lot; it prefers a replica that it knows to one that has just come,
    and calls at once do not see each other. A burst then piles up on one replica while those started for its sake have
    nothing to do.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._chosen: deque[tuple[float, ReplicaID]] = deque()  # and not yet sent, so in no replica's count

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """A rank for each replica, the least busy first: Serve asks the next where one is full."""
        known = self.replica_queue_len_cache
        if strange := [replica for replica in candidate_replicas if known.get(replica.replica_id) is None]:
            await ask_loads(self, strange)
        ranks = sorted(random.sample(candidate_replicas, len(candidate_replicas)), key=self._load)
        if ranks:
            self._chosen.append((time.monotonic(), ranks[0].replica_id))
        return [[replica] for replica in ranks]

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """From now on Serve counts it."""
        super().on_send_request(replica_id)
        found = next((each for each in self._chosen if each[1] == replica_id), None)
        if found is not None:
            self._chosen.remove(found)

    def _load(self, replica: RunningReplica) -> float:
        while self._chosen and self._chosen[0][0] < time.monotonic() - SENT_S:
            self._chosen.popleft()
        waiting = self.replica_queue_len_cache.get(replica.replica_id)
        if waiting is None:  # it did not answer
            return float("inf")
        return float(waiting + sum(each == replica.replica_id for _, each in self._chosen))
