"""The checker's eye for one and two: splits what has one colour where it stands in separate places."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

_GRID = 64  # parts are told apart on pictures of at most this side
_PART = 0.25  # a part smaller than this share of the largest is dirt
_BESIDE = np.zeros((3, 3, 3), bool)  # what is connected: the eight pixels around one, in its own frame
_BESIDE[1] = True


def split(cover: Tensor) -> list[Tensor]:
    """The subjects in a cover (frames, side, side): the cover without its dirt, or two where most frames show two."""
    labels = _labels(cover)
    frames = [_parts(cover[index], labels[index]) for index in range(len(cover))]
    several = sum(len(parts) > 1 for parts in frames)
    shown = sum(len(parts) > 0 for parts in frames)
    empty = torch.zeros_like(cover[0])
    if several * 2 <= shown:
        return [torch.stack([torch.stack(parts).sum(0) if parts else empty for parts in frames])]
    return [torch.stack([parts[rank] if len(parts) > rank else empty for parts in frames]) for rank in (0, 1)]


def _parts(cover: Tensor, labels: Tensor) -> list[Tensor]:
    """The large parts of one frame's cover (side, side), largest first."""
    found = [int(label) for label in torch.unique(labels) if label > 0]
    parts = sorted((torch.where(labels == label, cover, 0) for label in found), key=lambda part: -part.sum().item())
    return [part for part in parts if part.sum() >= _PART * parts[0].sum()]


def _labels(cover: Tensor) -> Tensor:
    """A number for every connected part of each frame, 0 outside: (frames, side, side)."""
    side = cover.shape[-1]
    mask = functional.adaptive_max_pool2d((cover > 0.5).float()[:, None], min(side, _GRID))
    found, _ = ndimage.label(mask[:, 0].numpy(), _BESIDE)
    labels = torch.from_numpy(found)[:, None].float()
    edge = functional.max_pool2d(labels, 3, stride=1, padding=1)  # the soft edge belongs to its part
    return functional.interpolate(torch.where(labels > 0, labels, edge), size=(side, side))[:, 0]
