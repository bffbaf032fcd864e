"""Who is told to leave."""

from __future__ import annotations

from dataclasses import replace

from app.dispatch.routing import NEVER_S, Roll
from app.types import ReplicaInfo
from tests.line.make import replica

ONE, TWO = replace(replica(), replica="one"), replace(replica(), replica="two")


def names(replicas: list[ReplicaInfo]) -> list[str]:
    return [each.replica for each in replicas]


def test_whoever_is_no_longer_reached_gets_nothing_at_once_and_is_told_when_it_is_certain() -> None:
    roll = Roll()
    roll.heard("main", {"one", "two"})
    assert (names(roll.staying([ONE, TWO])), roll.leaving([ONE, TWO], 0.0)) == (["one", "two"], set())
    roll.heard("main", {"two"})
    assert (names(roll.staying([ONE, TWO])), roll.leaving([ONE, TWO], 1.0)) == (["two"], set())
    roll.heard("main", {"two"})
    assert roll.leaving([ONE, TWO], 2.0) == {"one"}


def test_one_that_answers_again_stays() -> None:
    roll = Roll()
    for reached in ({"one"}, set(), {"one"}, set()):
        roll.heard("main", reached)
    assert roll.leaving([ONE], 0.0) == set()


def test_a_roll_call_of_one_pool_says_nothing_of_another() -> None:
    roll = Roll()
    roll.heard("main", {"one"})
    roll.heard("draft", {"two"})
    for _ in range(3):
        roll.heard("main", {"one"})
    assert roll.leaving([ONE, replace(TWO, pool="draft")], 0.0) == set()


def test_one_that_knows_is_not_told_again_and_takes_no_jobs() -> None:
    roll, knows = Roll(), replace(ONE, leaving=True)
    for reached in ({"one"}, set(), set()):
        roll.heard("main", reached)
    assert (roll.leaving([knows], 0.0), roll.staying([knows])) == (set(), [])


def test_a_new_replica_gets_nothing_until_it_is_reached_and_has_time_for_that() -> None:
    roll = Roll()
    assert (names(roll.staying([ONE])), roll.strangers([ONE])) == (["one"], True)  # nobody has been called yet
    roll.heard("main", set())
    assert (roll.staying([ONE]), roll.leaving([ONE], 0.0), roll.strangers([ONE])) == ([], set(), True)
    roll.heard("main", {"one"})
    assert (names(roll.staying([ONE])), roll.strangers([ONE])) == (["one"], False)


def test_one_that_is_never_reached_is_told_to_leave() -> None:
    roll = Roll()
    roll.heard("main", set())
    assert roll.leaving([ONE], 0.0) == set()
    assert roll.leaving([ONE], NEVER_S + 1) == {"one"}


def test_nobody_is_told_before_any_roll_call_was_answered() -> None:
    roll = Roll()
    roll.leaving([ONE], 0.0)
    assert roll.leaving([ONE], 10 * NEVER_S) == set()
