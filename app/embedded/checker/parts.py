"""The checker's eye for number: splits what has one colour where it stands in separate places."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

_MOST = 3  # subjects of one colour that are told apart
_GRID = 64  # parts are told apart on pictures of at most this side
_PART = 0.25  # a part smaller than this share of the largest is dirt
_BESIDE = np.zeros((3, 3, 3), bool)  # what is connected: the eight pixels around one, in its own frame
_BESIDE[1] = True


def split(cover: Tensor) -> list[Tensor]:
    """The subjects in a cover (frames, side, side): the cover without its dirt, or as many as most frames show, up to
    three; each followed from frame to frame by where it is."""
    labels = _labels(cover)
    frames = [_parts(cover[index], labels[index]) for index in range(len(cover))]
    shown = [len(parts) for parts in frames if parts]
    number = max((n for n in range(1, _MOST + 1) if sum(count >= n for count in shown) * 2 > len(shown)), default=1)
    empty = torch.zeros_like(cover[0])
    if number == 1:
        return [torch.stack([torch.stack(parts).sum(0) if parts else empty for parts in frames])]
    followed = _followed([parts[:number] for parts in frames], number)
    return [torch.stack([parts.get(rank, empty) for parts in followed]) for rank in range(number)]


def _followed(frames: list[list[Tensor]], number: int) -> list[dict[int, Tensor]]:
    """The parts of each frame by whom they show: who was nearest in the last frame that showed everybody."""
    places: NDArray[np.float64] | None = None
    found: list[dict[int, Tensor]] = []
    for parts in frames:
        middles = np.array([_middle(part) for part in parts]).reshape(-1, 2)
        if len(parts) == number and places is None:
            places = middles
        if places is None or not parts:
            found.append({})
            continue
        who, which = linear_sum_assignment(np.linalg.norm(places[:, None] - middles[None], axis=-1))
        found.append({int(rank): parts[index] for rank, index in zip(who, which, strict=True)})
        places[who] = middles[which]
    return found


def _middle(part: Tensor) -> tuple[float, float]:
    total, steps = part.sum(), torch.arange(len(part), dtype=part.dtype)
    return ((part.sum(0) @ steps) / total).item(), ((part.sum(1) @ steps) / total).item()


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
