"""Sound as samples, between the model that made it and the file that it is written to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Samples, float32 (channels, N) from -1 to 1, and how many of them a second has."""

    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """Playing time."""
        return float(self.samples.shape[1] / self.rate)

    def lasting(self, seconds: float) -> Waveform:
        """Exactly so long, to a sample: cut, or silent behind its end."""
        count = round(seconds * self.rate)
        missing = count - self.samples.shape[1]
        if missing == 0:
            return self
        samples = np.pad(self.samples, ((0, 0), (0, missing))) if missing > 0 else self.samples[:, :count].copy()
        return Waveform(samples, self.rate)
