from __future__ import annotations

import pytest

from app.line.batcher import Rules, decide
from app.line.pressure import Level, Limits, Pressure, Used, judged, pressed
from tests.line.test_batcher import UNKNOWN, paused, running, waiting

LIMITS = Limits(0.8, 0.9, 0.05)
RULES = Rules(max_batch=4, slots=4)
SHORT = Pressure(device=Level.WARNING)
FULL_DEVICE, FULL_HOST = Pressure(device=Level.CRITICAL), Pressure(host=Level.CRITICAL)


def levels(*shares: float) -> list[Level]:
    """The host's, reading after reading."""
    found, pressure = [], Pressure()
    for share in shares:
        pressure = judged(pressure, Used(share), LIMITS, LIMITS)
        found.append(pressure.host)
    return found


def test_a_level_is_entered_at_its_share_and_left_a_little_below() -> None:
    assert levels(0.79, 0.8, 0.76, 0.74, 0.76) == [0, 1, 1, 0, 0]
    assert levels(0.9, 0.86, 0.84, 0.76, 0.74) == [2, 2, 1, 1, 0]
    assert levels(0.95, 0.1) == [2, 0]


def test_the_device_has_thresholds_of_its_own_and_no_level_where_it_is_the_host() -> None:
    strict = Limits(0.1, 0.2, 0.01)
    assert judged(Pressure(), Used(0.5, 0.5), LIMITS, strict).device is Level.CRITICAL
    assert judged(Pressure(), Used(0.5, 0.5), LIMITS, strict).host is Level.OK
    assert judged(FULL_DEVICE, Used(0.5), LIMITS, strict).worst is Level.OK


@pytest.mark.parametrize("shares", [(0.9, 0.8), (0.0, 0.5), (0.5, 1.1), (0.8, 0.8)])
def test_thresholds_that_make_no_sense_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="critical"):
        Limits(*shares)


def test_with_room_everything_is_as_the_batcher_says() -> None:
    here = ([running("a")], [waiting("b")], [paused("c")])
    assert pressed(0.0, *here, RULES, UNKNOWN, Pressure()) == decide(0.0, *here, RULES, UNKNOWN)


def test_at_warning_nobody_joins_or_goes_on_but_who_runs_steps_and_who_is_over_leaves() -> None:
    late = waiting("late", deadline=1.0)
    boundary = pressed(2.0, [running("a")], [waiting("b"), late], [paused("c")], RULES, UNKNOWN, SHORT)
    assert boundary.batch == ("a",)
    assert boundary.leave == ("late",)
    assert not boundary.join + boundary.resume + boundary.pause


@pytest.mark.parametrize("pressure", [SHORT, FULL_DEVICE])
def test_when_nobody_runs_one_may(pressure: Pressure) -> None:
    boundary = pressed(0.0, [], [waiting("a", 1.0), waiting("b", 2.0)], [], RULES, UNKNOWN, pressure)
    assert boundary.join == boundary.batch == ("a",)


def test_a_full_device_sends_the_least_urgent_to_host_memory_one_per_reading_and_one_stays() -> None:
    here = [running("a", 1.0), running("b", 2.0), running("c", 3.0)]
    first = pressed(4.0, here, [waiting("d")], [paused("e")], RULES, UNKNOWN, FULL_DEVICE)
    assert first.pause == ("c",)
    assert set(first.park) == {"c", "e"}
    assert not first.join + first.resume + first.hand_back
    again = pressed(4.0, here, [], [], RULES, UNKNOWN, FULL_DEVICE, fresh=False)
    assert not again.pause
    assert set(again.batch) <= {"a", "b", "c"}
    assert not pressed(4.0, here[:1], [], [], RULES, UNKNOWN, FULL_DEVICE).pause


def test_a_full_host_hands_back_who_is_paused_first_then_who_runs_and_one_stays() -> None:
    here = [running("a", 1.0), running("b", 2.0)]
    assert pressed(4.0, here, [], [paused("p", 0.0)], RULES, UNKNOWN, FULL_HOST).hand_back == ("p",)
    boundary = pressed(4.0, here, [], [], RULES, UNKNOWN, FULL_HOST)
    assert boundary.hand_back == ("b",)
    assert boundary.batch == ("a",)
    assert not pressed(4.0, here[:1], [], [], RULES, UNKNOWN, FULL_HOST).hand_back


def test_a_full_host_lets_nobody_new_in_even_when_nobody_runs_but_ends_what_it_holds() -> None:
    assert not pressed(0.0, [], [waiting("a")], [], RULES, UNKNOWN, FULL_HOST).join
    assert pressed(0.0, [], [waiting("a")], [paused("p")], RULES, UNKNOWN, FULL_HOST).resume == ("p",)
