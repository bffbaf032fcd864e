"""What is seen from pass to pass."""

from __future__ import annotations

from dataclasses import replace

from app.health.observer import RedisObserver, ReplicaObserver, Server
from app.health.recoveries import Cause, Signal, Standing, Tally
from tests.dispatch.workers import a_replica

A, B, C = a_replica("a"), a_replica("b"), a_replica("c")


def said(signals: list[Signal]) -> list[tuple[str, str, str]]:
    return [(each.cause.value, each.subject, each.change) for each in signals]


def test_a_replica_that_is_gone_without_having_left_is_lost_until_another_comes() -> None:
    seen = ReplicaObserver()
    assert seen.observe([A, B], {}, 0.0) == []
    assert said(seen.observe([A], {}, 1.0)) == [("replica_lost", "main", "began")]
    assert said(seen.under_way(60.0)) == [("replica_lost", "main", "began")]
    [over] = seen.observe([A, C], {}, 90.0)
    assert (over.change, "c" in over.detail, seen.under_way(120.0)) == ("ended", True, [])


def test_a_replica_that_has_said_that_it_leaves_is_not_lost() -> None:
    seen = ReplicaObserver()
    seen.observe([A, B], {}, 0.0)
    assert seen.observe([A, replace(B, leaving=True)], {}, 1.0) == []
    assert seen.observe([A], {}, 2.0) == []


def test_two_that_are_lost_are_replaced_by_two() -> None:
    seen = ReplicaObserver()
    seen.observe([A, B], {}, 0.0)
    assert len(seen.observe([], {}, 1.0)) == 2
    assert seen.observe([C], {}, 2.0) == []
    assert said(seen.observe([C, a_replica("d")], {}, 3.0)) == [("replica_lost", "main", "ended")]


def test_one_that_a_pool_which_scales_does_not_need_any_more_is_not_waited_for() -> None:
    seen = ReplicaObserver()
    seen.observe([A, B], {"main": 2}, 0.0)
    assert said(seen.observe([A], {"main": 2}, 1.0)) == [("replica_lost", "main", "began")]
    assert said(seen.observe([A], {"main": 1}, 2.0)) == [("replica_lost", "main", "ended")]


def test_memory_that_is_short_is_told_and_so_is_its_return() -> None:
    seen, short = ReplicaObserver(), replace(A, pressure="critical", host_memory=0.97)
    [began] = seen.observe([short, B], {}, 0.0)
    assert (began.cause, "97%" in began.detail, "critical" in began.detail) == (Cause.MEMORY_PRESSURE, True, True)
    assert seen.observe([replace(short, pressure="warning"), B], {}, 1.0) == []
    assert said(seen.observe([A, B], {}, 2.0)) == [("memory_pressure", "main", "ended")]


def test_the_next_dispatcher_ends_what_the_one_before_it_saw_begin() -> None:
    seen = ReplicaObserver()
    open_now = [Standing(cause, "main", Tally(1, under_way=True)) for cause in ("replica_lost", "memory_pressure")]
    seen.resume([*open_now, Standing("replica_lost", "other", Tally(1))])
    assert said(seen.observe([A], {}, 0.0)) == [
        ("replica_lost", "main", "ended"),
        ("memory_pressure", "main", "ended"),
    ]
    still = ReplicaObserver()
    still.resume(open_now[:1])
    assert still.observe([], {}, 0.0) == []
    assert said(still.observe([B], {}, 1.0)) == [("replica_lost", "main", "ended")]


def test_another_start_of_redis_another_master_and_a_long_silence_are_told_apart() -> None:
    seen = RedisObserver()
    assert seen.observe(Server("1"), 0.0, 0.0) == []
    assert seen.observe(Server("1"), 0.9, 1.0) == []
    assert said(seen.observe(Server("1"), 12.0, 2.0)) == [("redis_away", "redis", "happened")]
    [again] = seen.observe(Server("2"), 4.0, 3.0)
    assert (again.cause, "4 s" in again.detail) == (Cause.REDIS_RESTARTED, True)
    assert seen.observe(Server(""), 0.0, 4.0) == []  # it may not be asked any more
    watched = RedisObserver()
    watched.observe(Server("1", "h1:6379"), 0.0, 0.0)
    assert said(watched.observe(Server("2", "h2:6379"), 2.0, 1.0)) == [("failover_followed", "redis", "happened")]
