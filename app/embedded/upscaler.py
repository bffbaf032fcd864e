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
        whole: Tensor = functional.pixel_shuffle(self.out(seen), 2)
        return whole + functional.interpolate(pictures, scale_factor=2, mode="bilinear", align_corners=False)


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
    height, parts = pictures.shape[2], []
    for top in range(0, height, band):
        bottom = min(height, top + band)
        above, below = min(network.reach, top), min(network.reach, height - bottom)
        made = network(pictures[:, :, top - above : bottom + below])
        parts.append(made[:, :, 2 * above : made.shape[2] - 2 * below])
    return torch.cat(parts, dim=2).clamp_(0, 1)


def read_upscaler(folder: Path = WEIGHTS / UPSCALER_FOLDER) -> Upscaler:
    """The network in eval mode. Raises FileNotFoundError."""
    network = Upscaler(**json.loads((folder / "config.json").read_text()))
    network.load_state_dict(load_file(folder / "upscaler.safetensors"))
    return network.eval().requires_grad_(False)
