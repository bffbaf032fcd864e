"""Taking pictures apart into a plain ground, the colours in front of it and how much they cover, and back together.

Shapes and motions are then the same numbers whatever the colours, so a denoiser learns them once and not once for every
pair of colours. That a picture is a blend of layers by a matte is an old idea of image editing ("Compositing Digital
Images", 1984).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

TIME = 4  # frames in a patch
_FAINT = 0.15  # colours nearer to the ground than this (in -1..1) count as ground
_ALIKE = 0.12  # how far a softened edge's colour may lie from the line between ground and colour
_ALIKE_SUBJECT = 0.35  # colours further apart than this are of two subjects
_CLIMBS = 4
_EDGE = (2.0, 4.0)  # cover in a cell, in pixels and frames: less is nobody's, more is somebody's


@dataclass(frozen=True)
class Layers:
    """Groups of four frames taken apart, in cells of S x S pixels."""

    ground: Tensor  # (b, 3, F): one colour for a group, -1..1
    colour: Tensor  # (b, 3, F, H, W): what stands in front of it in each cell, 0 where nothing does
    cover: Tensor  # (b, F, H, W, 4 S S): how much of each pixel that is, 0..1


def part(video: Tensor, side: int) -> Layers:
    """The layers of a video (b, 3, f, h, w) in -1..1, cells of `side` pixels; the first frame is taken four times."""
    video = torch.cat([video[:, :, :1].expand(-1, -1, TIME - 1, -1, -1), video], dim=2)
    b, c, f, h, w = video.shape
    few = video[..., side // 4 :: side // 2, side // 4 :: side // 2].reshape(b, c, f // TIME, -1)
    ground = few.median(-1).values  # (b, 3, F)
    off = to_cells(video, side) - ground[..., None, None, None]  # (b, 3, F, H, W, 4 S S)
    far = off.square().sum(1)  # (b, F, H, W, 4 S S)
    farthest = far.argmax(-1, keepdim=True)[:, None].expand(-1, c, -1, -1, -1, -1)
    own = off.gather(-1, farthest)[..., 0]  # (b, 3, F, H, W)
    front = _unmixed(own)
    strength = front.square().sum(1)  # (b, F, H, W)
    there = strength > _FAINT**2
    cover = (off * front[..., None]).sum(1) / strength.clamp(min=_FAINT**2)[..., None]
    cover = cover.clamp(0, 1) * there[..., None]
    colour = (ground[..., None, None] + front) * there[:, None]
    return Layers(ground, colour, cover)


def _unmixed(own: Tensor) -> Tensor:
    """The farthest colours (b, 3, F, H, W) of cells, each replaced by the neighbour's of which it is a faded one."""
    best, size = own, own.square().sum(1, keepdim=True)
    for other in _around(own):
        length = other.square().sum(1, keepdim=True)
        share = (own * other).sum(1, keepdim=True) / length.clamp(min=1e-6)
        faded = (own - share * other).square().sum(1, keepdim=True) < _ALIKE**2
        better = faded & (share > 0) & (length > size)
        best, size = torch.where(better, other, best), torch.where(better, length, size)
    return best


def blend(layers: Layers, side: int) -> Tensor:
    """The video (b, 3, 4 F - 3, h, w) in -1..1 of layers; the first three frames are the repeated ones and left out."""
    ground = layers.ground[..., None, None, None]
    pixels = ground + layers.cover[:, None] * (layers.colour[..., None] - ground)
    return from_cells(pixels, side)[:, :, TIME - 1 :].clamp(-1, 1)


def evened(colour: Tensor, cover: Tensor) -> Tensor:
    """Colours (b, 3, F, H, W) that agree within each subject, given how much (b, F, H, W) of a cell is covered.

    A cell that is hardly covered goes by the neighbour that is covered most. Then each climbs to the colour that most
    of what is covered in the clip has near its own ("Mean shift: a robust approach toward feature space analysis",
    2002).
    """
    low, high = _EDGE
    weight = ((cover - low) / (high - low)).clamp(0, 1)[:, None] * cover[:, None] + 1e-4  # (b, 1, F, H, W)
    guide, most = colour, weight
    for other, mass in zip(_around(colour), _around(weight), strict=True):
        guide = torch.where(mass > torch.where(weight > high, torch.inf, most), other, guide)
        most = torch.maximum(most, mass)
    points, masses = colour.flatten(2).mT, weight.flatten(2)  # (b, cells, 3), (b, 1, cells)
    climbing = guide.flatten(2).mT
    for _ in range(_CLIMBS):
        near = (-torch.cdist(climbing, points).square() / _ALIKE_SUBJECT**2).exp() * masses  # (b, cells, cells)
        climbing = near @ points / near.sum(-1, keepdim=True).clamp(min=1e-12)
    return climbing.mT.reshape(colour.shape)


def _around(cells: Tensor) -> list[Tensor]:
    """The cells (..., H, W) shifted by every step to a neighbour and by none, zero beyond the edge."""
    rows, columns = cells.shape[-2:]
    wide = functional.pad(cells, (1,) * 4)
    return [wide[..., dy : dy + rows, dx : dx + columns] for dy in range(3) for dx in range(3)]


def to_cells(video: Tensor, side: int) -> Tensor:
    """A video (b, c, 4 F, h, w) in cells: (b, c, F, H, W, 4 S S)."""
    b, c, f, h, w = video.shape
    blocks = video.reshape(b, c, f // TIME, TIME, h // side, side, w // side, side)
    return blocks.permute(0, 1, 2, 4, 6, 3, 5, 7).flatten(5)


def from_cells(cells: Tensor, side: int) -> Tensor:
    """Cells (b, c, F, H, W, 4 S S) as the video (b, c, 4 F, h, w)."""
    b, c, groups, rows, columns, _ = cells.shape
    blocks = cells.view(b, c, groups, rows, columns, TIME, side, side).permute(0, 1, 2, 5, 3, 6, 4, 7)
    return blocks.reshape(b, c, groups * TIME, rows * side, columns * side)
