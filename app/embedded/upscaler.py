"""A frame of the built-in model comes in, one of twice the sides goes out: a small network that finds edges."""

import json
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from app.embedded.profile import UPSCALER_FOLDER, WEIGHTS

_FAINT: Final = 4  # levels between neighbours that are not yet an edge
BAND: Final = 128
"""Rows of a picture that are worked on at a time, so that memory follows from the width alone."""

Picture = NDArray[np.uint8]
"""sRGB, (H, W, 3)."""


class Upscaler(nn.Module):
    """What to add to a bilinear enlargement, as four channels a colour that become four pixels.

    Enlarging at the end and not before is "Real-Time Single Image and Video Super-Resolution Using an Efficient
    Sub-Pixel Convolutional Neural Network" (2016).
    """

    def __init__(self, width: int = 24, blocks: int = 3) -> None:
        super().__init__()
        self.into = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(blocks))
        self.out = nn.Conv2d(width, 12, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]  # it has one

    @property
    def reach(self) -> int:
        """Pixels around a place that it sees."""
        return 2 + len(self.blocks)

    def forward(self, pictures: Tensor) -> Tensor:
        """(b, 3, h, w) in 0..1 to (b, 3, 2 h, 2 w), about 0..1."""
        seen = functional.silu(self.into(pictures - 0.5))
        for block in self.blocks:
            seen = seen + functional.silu(block(seen))
        more = functional.pixel_shuffle(self.out(seen) * _contrast(pictures), 2)
        whole: Tensor = more + functional.interpolate(pictures, scale_factor=2, mode="bilinear", align_corners=False)
        return whole


def _contrast(pictures: Tensor) -> Tensor:
    """0 where two pixels around all is one colour, which is to stay what it is, 1 where something stands out."""
    both = torch.cat([pictures, -pictures])
    most = functional.max_pool2d(functional.max_pool2d(both, (5, 1), 1, (2, 0)), (1, 5), 1, (0, 2))
    spread = most[: len(pictures)] + most[len(pictures) :]
    return (spread.amax(1, keepdim=True) * (255 / _FAINT) - 1).clamp(0, 1)


class EmbeddedUpscaler:
    """Twice the sides, or four times: what it made goes through it once more."""

    def __init__(self, factor: int, folder: Path = WEIGHTS / UPSCALER_FOLDER) -> None:
        """`factor` is 2 or 4. Raises FileNotFoundError."""
        self._network = read_upscaler(folder)
        self._times = {2: 1, 4: 2}[factor]

    def __call__(self, picture: Picture) -> Picture:
        """uint8 (H * factor, W * factor, 3)."""
        values = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            for _ in range(self._times):
                values = doubled(self._network, values)
        whole: Picture = (values[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        return whole


def doubled(network: Upscaler, pictures: Tensor, band: int = BAND) -> Tensor:
    """(b, 3, 2 h, 2 w) in 0..1, worked on in bands of rows; just what the whole at once would give."""
    around, parts = network.reach, []
    padded = functional.pad(pictures, (around,) * 4, mode="replicate")  # or its border would look like an edge
    for top in range(0, pictures.shape[2], band):
        made = network(padded[:, :, top : min(top + band, pictures.shape[2]) + 2 * around])
        parts.append(made[:, :, 2 * around : -2 * around, 2 * around : -2 * around])
    return torch.cat(parts, dim=2).clamp_(0, 1)


def read_upscaler(folder: Path = WEIGHTS / UPSCALER_FOLDER) -> Upscaler:
    """The network in eval mode. Raises FileNotFoundError."""
    network = Upscaler(**json.loads((folder / "config.json").read_text()))
    network.load_state_dict(load_file(folder / "upscaler.safetensors"))
    return network.eval().requires_grad_(False)
