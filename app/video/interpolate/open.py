"""The name of a method comes in, who makes pictures between frames goes out; what is not used is not imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import GenerationError
from app.types import FLOW

Picture = NDArray[np.uint8]
"""sRGB, (H, W, 3)."""


class Interpolator(Protocol):
    """Makes the pictures between two frames."""

    def between(self, first: Picture, second: Picture, moments: Sequence[float]) -> Iterator[Picture]:
        """One for each moment 0 < t < 1 of the way, uint8 (H, W, 3) as the frames. Raises GenerationError."""
        ...


def open_interpolator(method: str, module: Path | None) -> Interpolator:
    """That of a method, `flow` or `model`; `module` is the operator's TorchScript file.

    Raises:
        GenerationError: the file cannot be read, or is not named here.
    """
    if method == FLOW:
        from app.video.interpolate.flow import FlowInterpolator

        return FlowInterpolator()
    if module is None:
        raise GenerationError("No interpolation_model is set where files are finished.", code="interpolation_failed")
    from app.video.interpolate.torchscript import ModuleInterpolator

    return ModuleInterpolator(module)
