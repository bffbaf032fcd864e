"""Who is told to leave."""

from __future__ import annotations

from dataclasses import replace

from app.dispatch.routing import NEVER_S, RoutingView
from app.types import ReplicaInfo
from tests.line.make import replica

ONE, TWO = replace(replica(), replica="one"), replace(replica(), replica="two")


def names(replicas: list[ReplicaInfo]) -> list[str]:
    return [each.replica for each in replicas]


def test_whoever_is_no_longer_reached_gets_nothing_at_once_and_is_told_when_it_is_certain() -> None:
    view = RoutingView()
    view.observe("main", {"one", "two"})
    assert (names(view.routable([ONE, TWO])), view.to_drain([ONE, TWO], 0.0)) == (["one", "two"], set())
    view.observe("main", {"two"})
    assert (names(view.routable([ONE, TWO])), view.to_drain([ONE, TWO], 1.0)) == (["two"], set())
    view.observe("main", {"two"})
    assert view.to_drain([ONE, TWO], 2.0) == {"one"}


def test_one_that_answers_again_stays() -> None:
    view = RoutingView()
    for reached in ({"one"}, set(), {"one"}, set()):
        view.observe("main", reached)
    assert view.to_drain([ONE], 0.0) == set()


def test_a_roll_call_of_one_pool_says_nothing_of_another() -> None:
    view = RoutingView()
    view.observe("main", {"one"})
    view.observe("draft", {"two"})
    for _ in range(3):
        view.observe("main", {"one"})
    assert view.to_drain([ONE, replace(TWO, pool="draft")], 0.0) == set()


def test_one_that_knows_is_not_told_again_and_takes_no_jobs() -> None:
    view, knows = RoutingView(), replace(ONE, leaving=True)
    for reached in ({"one"}, set(), set()):
        view.observe("main", reached)
    assert (view.to_drain([knows], 0.0), view.routable([knows])) == (set(), [])


def test_a_new_replica_gets_nothing_until_it_is_reached_and_has_time_for_that() -> None:
    view = RoutingView()
    assert (names(view.routable([ONE])), view.any_unreached([ONE])) == (["one"], True)  # nobody has been called yet
    view.observe("main", set())
    assert (view.routable([ONE]), view.to_drain([ONE], 0.0), view.any_unreached([ONE])) == ([], set(), True)
    view.observe("main", {"one"})
    assert (names(view.routable([ONE])), view.any_unreached([ONE])) == (["one"], False)


def test_one_that_is_never_reached_is_told_to_leave() -> None:
    view = RoutingView()
    view.observe("main", set())
    assert view.to_drain([ONE], 0.0) == set()
    assert view.to_drain([ONE], NEVER_S + 1) == {"one"}


def test_nobody_is_told_before_any_roll_call_was_answered() -> None:
    view = RoutingView()
    view.to_drain([ONE], 0.0)
    assert view.to_drain([ONE], 10 * NEVER_S) == set()
