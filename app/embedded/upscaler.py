"""A frame of the built-in model comes in, one of twice the sides goes out: a small network that finds edges."""

import json
from collections.abc import Callable, Iterator
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
GRID: Final = 8  # pixels: boxes of few sizes, for each of which a plan of the convolutions is kept
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
        self.into = nn.Conv2d(3, width, 3)
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3) for _ in range(blocks))
        self.out = nn.Conv2d(width, 12, 3)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]  # it has one

    @property
    def reach(self) -> int:
        """Pixels around a place that it sees."""
        return 2 + len(self.blocks)

    def forward(self, pictures: Tensor) -> Tensor:
        """(b, 3, h, w) in 0..1 to (b, 3, 2 h, 2 w), about 0..1."""
        around = functional.pad(pictures, (self.reach,) * 4, mode="replicate")  # or its border would look like an edge
        return self.added(around, _contrast(pictures)) + _plain(pictures)

    def added(self, around: Tensor, contrast: Tensor) -> Tensor:
        """What is added, (b, 3, 2 h, 2 w), where `contrast` is (b, 1, h, w), and `around` has `reach` pixels more."""
        seen = functional.silu(self.into(around - 0.5))
        for block in self.blocks:  # each sees a pixel less on all sides, and nothing is computed that nobody uses
            seen = seen[..., 1:-1, 1:-1] + functional.silu(block(seen))
        return functional.pixel_shuffle(self.out(seen) * contrast, 2)


def _plain(pictures: Tensor) -> Tensor:
    """(b, c, 2 h, 2 w) without anything added: bilinear, written out, which takes a quarter of torch's time."""
    return _lengthened(_lengthened(pictures, -1), -2)


def _lengthened(pictures: Tensor, axis: int) -> Tensor:
    """Twice as long along an axis: each pixel becomes two, with a quarter of the neighbour on their side in them."""
    last, shape = pictures.shape[axis] - 1, list(pictures.shape)
    shape.insert(len(shape) + axis + 1, 2)
    pairs, own, quarter = pictures.new_empty(shape), pictures * 0.75, pictures * 0.25
    for side, start, edge in ((0, 1, 0), (1, 0, last)):
        half = pairs.select(axis, side).copy_(own)
        half.narrow(axis, start, last).add_(quarter.narrow(axis, 1 - start, last))
        half.narrow(axis, edge, 1).add_(quarter.narrow(axis, edge, 1))
    return pairs.flatten(axis - 1, axis)


def _contrast(pictures: Tensor) -> Tensor:
    """0 where two pixels around all is one colour, which is to stay what it is, 1 where something stands out."""
    around = functional.pad(pictures, (2,) * 4, mode="replicate")
    spread = _of_fives(torch.maximum, around) - _of_fives(torch.minimum, around)
    return (spread.amax(1, keepdim=True) * (255 / _FAINT) - 1).clamp(0, 1)


def _of_fives(extreme: Callable[[Tensor, Tensor], Tensor], values: Tensor) -> Tensor:
    """(b, c, h - 4, w - 4): the most, or least, of five by five. A tenth of what pooling takes on a processor."""
    for axis in (-2, -1):
        length = values.shape[axis]
        two = extreme(values.narrow(axis, 0, length - 1), values.narrow(axis, 1, length - 1))
        four = extreme(two.narrow(axis, 0, length - 3), two.narrow(axis, 2, length - 3))
        values = extreme(four.narrow(axis, 0, length - 4), values.narrow(axis, 4, length - 4))
    return values


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
            whole: Picture = values[0].mul_(255).round_().to(torch.uint8).permute(1, 2, 0).numpy()
        return whole


def doubled(network: Upscaler, pictures: Tensor, band: int = BAND) -> Tensor:
    """(b, 3, 2 h, 2 w) in 0..1: just what the whole at once would give.

    The network is asked only about the boxes in which something stands out, and in bands of rows: to all else it would
    add nothing.
    """
    around = 2 * network.reach
    padded = functional.pad(pictures, (network.reach,) * 4, mode="replicate")
    contrast, whole = _contrast(pictures), _plain(pictures)
    for top, bottom, left, right in boxes(contrast.amax((0, 1)).numpy() > 0):
        for start in range(top, bottom, band):
            end = min(start + band, bottom)
            seen = padded[:, :, start : end + around, left : right + around]
            more = network.added(seen, contrast[:, :, start:end, left:right])
            whole[:, :, 2 * start : 2 * end, 2 * left : 2 * right] += more
    return whole.clamp_(0, 1)


def boxes(found: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int]]:
    """(top, bottom, left, right) of boxes with all that is found in (h, w): rows that hang together, then columns."""
    for top, bottom in _runs(np.asarray(found.any(axis=1))):
        for left, right in _runs(np.asarray(found[top:bottom].any(axis=0))):
            yield top, bottom, left, right


def _runs(found: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Where it is true along a line, in whole steps of `GRID`; what is apart by less is one."""
    cells = np.add.reduceat(found, np.arange(0, len(found), GRID)) > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], cells, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        yield int(start) * GRID, min(int(end) * GRID, len(found))


def read_upscaler(folder: Path = WEIGHTS / UPSCALER_FOLDER) -> Upscaler:
    """The network in eval mode. Raises FileNotFoundError."""
    network = Upscaler(**json.loads((folder / "config.json").read_text()))
    network.load_state_dict(load_file(folder / "upscaler.safetensors"))
    # Pixel by pixel, as pictures come: else each convolution of 24 channels puts them in another order and back.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
    return network.eval().requires_grad_(False)
