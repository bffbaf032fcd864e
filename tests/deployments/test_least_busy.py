"""Which replica gets an attempt: Serve's own router and cache of queue lengths, with replicas that only tell theirs."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import pytest
from ray.serve.handle import DeploymentHandleSource, DeploymentID
from ray.serve.request_router import PendingRequest, ReplicaID, ReplicaResult

from deployments.least_busy import LeastBusy

pytestmark = pytest.mark.anyio
DIFFUSER = DeploymentID("Diffuser", "kinoray")


@dataclass
class Replica:
    """As much of a replica as a router asks for."""

    name: str
    queue: int
    max_ongoing_requests: int = 64

    @property
    def replica_id(self) -> ReplicaID:
        return ReplicaID(self.name, DIFFUSER)

    async def get_queue_len(self, *, deadline_s: float) -> int:
        return self.queue


def router(*replicas: Replica) -> LeastBusy:
    made = LeastBusy(DIFFUSER, DeploymentHandleSource.REPLICA, use_replica_queue_len_cache=True)
    made.initialize_state()
    made.update_replicas(list(replicas))
    return made


def a_call() -> PendingRequest:
    unknown: Any = None
    return PendingRequest(args=[], kwargs={}, metadata=unknown)


async def first_of(made: LeastBusy, replicas: list[Any], call: PendingRequest | None = None) -> str:
    (best, *_), *_ = await made.choose_replicas(replicas, call or a_call())
    return str(best.name)


def taken(made: LeastBusy, replica: Replica, call: PendingRequest, says: int) -> None:
    """As Serve's router hears that a replica has taken a call, and how many it has."""
    made.on_new_queue_len_info(replica.replica_id, says)
    made.on_request_routed(call, replica.replica_id, cast(ReplicaResult, None))


async def test_one_that_has_just_come_is_asked_and_preferred_to_a_busy_one_that_is_known() -> None:
    old, new = Replica("old", 2), Replica("new", 0)
    made = router(old, new)
    made.replica_queue_len_cache.update(old.replica_id, 2)
    assert await first_of(made, [old, new]) == "new"


async def test_calls_at_once_are_spread_evenly() -> None:
    replicas = [Replica(name, 0) for name in "abc"]
    made = router(*replicas)
    found = Counter(await asyncio.gather(*(first_of(made, replicas) for _ in range(6))))
    assert found == {"a": 2, "b": 2, "c": 2}


async def test_what_has_been_sent_is_counted_once() -> None:
    one, _ = replicas = [Replica("one", 0), Replica("two", 1)]
    made = router(*replicas)
    assert await first_of(made, replicas) == "one"
    made.on_send_request(one.replica_id)
    assert {await first_of(made, replicas), await first_of(made, replicas)} == {"one", "two"}


async def test_a_replica_that_tells_of_the_first_of_three_calls_does_not_make_the_others_forgotten() -> None:
    one, two = replicas = [Replica("one", 0), Replica("two", 0)]
    made = router(*replicas)
    made.replica_queue_len_cache.update(two.replica_id, 3)
    calls = [a_call(), a_call(), a_call()]
    assert [await first_of(made, replicas, call) for call in calls] == ["one", "one", "one"]
    for _ in calls:
        made.on_send_request(one.replica_id)
    taken(made, one, calls[0], says=1)  # the others are on their way
    made.replica_queue_len_cache.update(two.replica_id, 2)
    assert await first_of(made, replicas) == "two"


async def test_calls_that_have_ended_count_no_more() -> None:
    one, _ = replicas = [Replica("one", 0), Replica("two", 1)]
    made = router(*replicas)
    soon, late = a_call(), a_call()
    for call in (soon, late):
        await made.choose_replicas([one], call)
        made.on_send_request(one.replica_id)
        taken(made, one, call, says=2)
    made.decrement_queue_len_cache(one.replica_id)
    made.decrement_queue_len_cache(one.replica_id)
    assert await first_of(made, replicas) == "one"


async def test_a_call_that_goes_to_the_next_in_rank_counts_there() -> None:
    one, two = replicas = [Replica("one", 0), Replica("two", 1)]
    made = router(*replicas)
    call = a_call()
    assert await first_of(made, replicas, call) == "one"
    made.on_send_request(two.replica_id)
    taken(made, two, call, says=2)
    assert await first_of(made, replicas) == "one"


async def test_without_replicas_there_is_nothing_to_choose() -> None:
    assert await router().choose_replicas([]) == []
