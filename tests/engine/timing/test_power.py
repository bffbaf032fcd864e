from __future__ import annotations

import pytest

from app.engine.timing.power import GpuReading, Power, read_gpu


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


class Driver:
    """NVML's binding, as nvidia-ml-py has it: plain functions over a handle, and structures with fields."""

    class nvmlMemory:
        used, total = 3 * 2**30, 80 * 2**30

    class nvmlRates:
        gpu, memory = 85, 40

    def nvmlDeviceGetMemoryInfo(self, device: str) -> object:
        return self.nvmlMemory

    def nvmlDeviceGetPowerUsage(self, device: str) -> int:
        return 412_000  # milliwatts

    def nvmlDeviceGetUtilizationRates(self, device: str) -> object:
        return self.nvmlRates


def test_a_reading_is_in_watts_shares_and_bytes() -> None:
    assert read_gpu(Driver(), "gpu 0") == GpuReading(412.0, 0.85, 3 * 2**30, 80 * 2**30)


def test_a_device_at_rest_is_read_and_its_power_is_no_jobs() -> None:
    power = Power(lambda: GpuReading(60.0, 0.0, 1, 2))
    power.look(busy=False)
    assert (power.watts, power.gpu.memory_bytes) == (None, 1)
