"""The power that a GPU draws, read from its driver where there is one: energy figures begin here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module

import torch

log = logging.getLogger(__name__)
_WEIGHT = 0.1  # of a new reading in the running mean


class Power:
    """The running mean of a device's watts at work; None where it cannot be read, as on a CPU."""

    def __init__(self, read: Callable[[], float] | None) -> None:
        self._read = read
        self.watts: float | None = None

    def look(self, busy: bool) -> None:
        """Take a reading if the device is at work: what it draws at rest is no job's."""
        if self._read is None or not busy:
            return
        try:
            watts = self._read()
        except Exception as error:  # noqa: BLE001 - drivers raise errors of their own; figures must not end a replica
            log.warning("The device's power cannot be read: %s", error)
            self._read = None
            return
        self.watts = watts if self.watts is None else self.watts + _WEIGHT * (watts - self.watts)

    def energy_wh(self, device_seconds: float, otherwise_watts: float | None) -> float | None:
        """Watt-hours of so much device time, by the watts read or else those stated; None without either.

        A share of the mean power, not a reading of this job alone: jobs share forwards.
        """
        watts = otherwise_watts if self.watts is None else self.watts
        return None if watts is None else watts * device_seconds / 3600.0


def power() -> Power:
    """The power of the CUDA device that this process uses, if the driver's library (nvidia-ml-py) is installed."""
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
    return Power(lambda: float(nvml.nvmlDeviceGetPowerUsage(device)) / 1000.0)
