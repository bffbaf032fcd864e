"""What a GPU's driver says of it, where there is one: the power that it draws, how busy and how full it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

log = logging.getLogger(__name__)
_WEIGHT = 0.1  # of a new reading in the running mean


@dataclass(frozen=True, slots=True)
class GpuReading:
    """A GPU at a moment: the share of the last second in which it was at work, and its memory with all processes."""

    watts: float
    use: float | None = None
    memory_bytes: int | None = None
    memory_total_bytes: int | None = None


NO_GPU = GpuReading(0.0)


class Power:
    """The running mean of a device's watts at work, None where it cannot be read, and its last reading whole."""

    def __init__(self, read: Callable[[], GpuReading] | None) -> None:
        self._read = read
        self.watts: float | None = None
        self.gpu = NO_GPU

    def look(self, busy: bool) -> None:
        """Take a reading. It counts as power only if the device is at work: what it draws at rest is no job's."""
        if self._read is None:
            return
        try:
            self.gpu = self._read()
        except Exception as error:  # noqa: BLE001 - drivers raise errors of their own; figures must not end a replica
            log.warning("The device's power cannot be read: %s", error)
            self._read, self.gpu = None, NO_GPU
            return
        if not busy:
            return
        watts = self.gpu.watts
        self.watts = watts if self.watts is None else self.watts + _WEIGHT * (watts - self.watts)

    def energy_wh(self, device_seconds: float, otherwise_watts: float | None) -> float | None:
        """Watt-hours of so much device time, by the watts read or else those stated; None without either.

        A share of the mean power, not a reading of this job alone: jobs share forwards.
        """
        watts = otherwise_watts if self.watts is None else self.watts
        return None if watts is None else watts * device_seconds / 3600.0


def power() -> Power:
    """The power of the CUDA device that this process uses, if the driver's library (nvidia-ml-py) is installed."""
    import torch  # here, so that who has no device needs none of it

    if not torch.cuda.is_available():
        return Power(None)
    try:
        nvml = import_module("pynvml")
        nvml.nvmlInit()
        uuid = str(torch.cuda.get_device_properties(torch.cuda.current_device()).uuid)
        device = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode())
    except Exception as error:  # noqa: BLE001 - a missing package or driver: there are no figures then
        log.warning("No energy figures: %s", error)
        return Power(None)
    return Power(lambda: read_gpu(nvml, device))


def read_gpu(nvml: Any, device: Any) -> GpuReading:
    """One reading through NVML's binding, of a handle of its own."""
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    return GpuReading(
        watts=float(nvml.nvmlDeviceGetPowerUsage(device)) / 1000.0,
        use=float(nvml.nvmlDeviceGetUtilizationRates(device).gpu) / 100.0,
        memory_bytes=int(memory.used),
        memory_total_bytes=int(memory.total),
    )
