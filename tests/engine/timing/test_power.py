from __future__ import annotations

import pytest

from app.engine.timing.power import GpuReading, Power


def test_power_is_read_only_at_work() -> None:
    power = Power(lambda: GpuReading(200.0))
    power.look(busy=False)
    assert power.watts is None
    power.look(busy=True)
    assert power.watts == 200.0


def test_energy_is_the_mean_power_over_the_device_seconds() -> None:
    power = Power(lambda: GpuReading(200.0))
    power.look(busy=True)
    assert power.energy_wh(18.0, otherwise_watts=50.0) == pytest.approx(1.0)


def test_without_a_reading_the_stated_power_counts_or_nothing_is_said() -> None:
    assert Power(None).energy_wh(36.0, otherwise_watts=100.0) == pytest.approx(1.0)
    assert Power(None).energy_wh(36.0, otherwise_watts=None) is None


def test_a_driver_that_fails_is_asked_no_more() -> None:
    asked: list[int] = []

    def read() -> GpuReading:
        asked.append(1)
        raise OSError("no driver")

    power = Power(read)
    power.look(busy=True)
    power.look(busy=True)
    assert (len(asked), power.watts) == (1, None)
