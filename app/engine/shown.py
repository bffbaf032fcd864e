"""A picture or a video as a model is shown it, without tensors: what a replica's story hands to its engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Shown:
    """What a model is shown, and what for (`app.types.ROLES`)."""

    role: str
    frames: NDArray[np.uint8]  # (F, H, W, 3) of the video's size; a reference has its own
    frame: int | None = None  # at which of the video's it stands, where that is said
    strength: float = 1.0
