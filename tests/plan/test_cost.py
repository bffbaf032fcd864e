from __future__ import annotations

import pytest

from app.plan.cost import Pace, estimate, pace_of
from app.types import ReplicaInfo, VideoSpec
from tests.plan.conftest import SHAPES

WHOLE, SHORT = VideoSpec(128, 128, 17, 8), VideoSpec(128, 128, 9, 8)


def replica(**measured: object) -> ReplicaInfo:
    return ReplicaInfo("r", "main", "m", slots=8, running=0, seen_at=0.0, **({"step_s": 0.1} | measured))  # type: ignore[arg-type]


def test_a_shape_that_was_stepped_before_takes_what_it_took() -> None:
    pace = Pace(step_s=0.1, step_times={"9x128x128": 0.08})
    assert estimate(SHAPES, SHORT, 10, pace, None).step_seconds == pytest.approx(0.8)
    assert estimate(SHAPES, WHOLE, 10, pace, None).step_seconds == pytest.approx(1.0)


def test_measured_overhead_replaces_the_profiles() -> None:
    made = estimate(SHAPES, WHOLE, 10, Pace(step_s=0.1, overhead_s=0.2, device_overhead_s=0.05), None)
    assert (made.seconds, made.device_seconds) == pytest.approx((1.2, 1.05))


def test_a_shape_that_has_ended_before_has_its_own_overhead() -> None:
    known = {"overheads": {"9x128x128": 0.1}, "device_overheads": {"9x128x128": 0.02}}
    pace = pace_of(
        [replica(step_s=0.1, overhead_s=0.2, device_overhead_s=0.05, step_times={"9x128x128": 0.1}, **known)]
    )
    short, whole = (estimate(SHAPES, spec, 10, pace, None) for spec in (SHORT, WHOLE))
    assert (short.seconds, short.device_seconds) == pytest.approx((1.1, 1.02))
    assert (whole.seconds, whole.device_seconds) == pytest.approx((1.2, 1.05))


def test_money_and_energy_follow_the_device_seconds() -> None:
    made = estimate(SHAPES, WHOLE, 36, Pace(step_s=1.0), price_per_device_hour=2.0, device_watts=100.0)
    assert (made.cost, made.energy_wh) == pytest.approx((0.02, 1.0))


def test_read_power_comes_before_the_setting_and_unknown_power_is_no_energy() -> None:
    assert estimate(SHAPES, WHOLE, 36, Pace(step_s=1.0, watts=300.0), None, device_watts=100.0).energy_wh == 3.0
    assert estimate(SHAPES, WHOLE, 36, Pace(step_s=1.0), None).energy_wh is None


def test_replicas_are_averaged_where_they_know_a_figure() -> None:
    pace = pace_of([replica(step_times={"a": 0.1}, overhead_s=0.4), replica(step_s=0.3, step_times={"a": 0.2})])
    assert pace.step_s == pytest.approx(0.2)
    assert pace.step_times["a"] == pytest.approx(0.15)
    assert pace.overhead_s == pytest.approx(0.4)
    assert pace.watts is None


def test_no_replica_knows_nothing() -> None:
    assert pace_of([]) == Pace()
