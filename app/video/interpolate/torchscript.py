"""Two frames come in, pictures between them go out, made by the operator's own TorchScript module.

The module takes the two frames, float32 (1, 3, H, W) in 0..1, sRGB, H and W multiples of 64, and the moment, float32
(1, 1, 1, 1) in 0..1 between them; it gives the picture at that moment in the shape of a frame. RIFE, FILM and others
are exported so with `torch.jit.script` or `torch.jit.trace`, behind a module of that signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.errors import GenerationError

Picture = NDArray[np.uint8]
"""sRGB, (H, W, 3)."""

MULTIPLE = 64  # sides are padded to: what such models ask for


class BadInterpolation(GenerationError):
    """The module cannot be read, or what it gives is no picture."""

    code = "interpolation_failed"


class ModuleInterpolator:
    """Makes the pictures between two frames; on the CPU, with as many threads as PyTorch was given.

    Raises:
        BadInterpolation: the file is no TorchScript module.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the operator's, from the settings. TorchScript is read as a program of its own, not unpickled."""
        try:
            self._module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, OSError) as error:
            raise BadInterpolation(f"{path.name} is no TorchScript module: {_first_line(error)}") from error

    def between(self, first: Picture, second: Picture, moments: Sequence[float]) -> Iterator[Picture]:
        """A picture for each moment 0 < t < 1 from `first` to `second`, uint8 (H, W, 3). Raises BadInterpolation."""
        height, width = first.shape[:2]
        one, other = _tensor(first), _tensor(second)
        for moment in moments:
            with torch.inference_mode():
                try:
                    made = self._module(one, other, torch.full((1, 1, 1, 1), float(moment)))
                except RuntimeError as error:
                    raise BadInterpolation(f"The module failed: {_first_line(error)}") from error
            yield _picture(made, one, height, width)


def _tensor(picture: Picture) -> Tensor:
    """(1, 3, H, W) in 0..1, padded to whole multiples of 64 by its last row and column."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0)), mode="edge")
    return torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255


def _picture(made: object, like: Tensor, height: int, width: int) -> Picture:
    if not isinstance(made, Tensor) or made.shape != like.shape or not made.isfinite().all():
        told = list(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise BadInterpolation(f"The module gives {told}, not a finite picture {list(like.shape)}.")
    whole: Picture = (made[0].float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(whole[:height, :width])


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
