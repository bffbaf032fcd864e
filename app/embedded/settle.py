"""Puts a picture's subjects where the denoiser knows how things move, and what it made of them back where they stood.

The denoiser reads patches of a quarter of the picture, at whose corners what it was taught begins: from there a picture
moves as asked, from places in between it often did not. A ground is plain, so a subject can be taken off it and put
down some pixels further, and back again in every frame of the video, where the picture's own colours are put back too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf
from random import Random
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.embedded.checker.colours import Layer, find_layers, ground_shade, nearest_ground, widened
from app.embedded.checker.shapes import fit
from app.embedded.world import vocabulary as words
from app.embedded.world.clauses import Said
from app.embedded.world.prompts import describe
from app.embedded.world.scenes import lattice_ways

COLOURS: Final = tuple(words.COLOURS)
ROW: Final = 6
"""Numbers of a subject in `Settled.subjects`: its colour's index, pixels to the right, pixels down, its own shade."""

_MOST = 2  # subjects
_CUT = 0.5  # cover at the picture's edge beyond which a subject's middle cannot be told
_TRIED = 6  # places for each subject
_BEYOND = 0.005  # of the picture's side, that a way may leave it by
_GAP = 0.125  # wanted between two subjects: a cell of the autoencoder, which has one colour
_CLOSE = 0.5  # what each bit of that which lacks costs, beside squared distances
_BAND = 2  # pixels around a subject that its soft edge tints


@dataclass(frozen=True, slots=True)
class Settled:
    """A picture with its subjects moved, and what it takes to undo that."""

    picture: NDArray[np.uint8]  # (1, H, W, 3)
    ground: NDArray[np.float32]  # (3,): its shade, in levels
    subjects: NDArray[np.float32]  # (subjects, ROW)


class _Place(NamedTuple):
    """Where a subject may be put, its way from there, and its size on it."""

    way: Tensor  # (frames, 2)
    reach: Tensor  # (frames,): from its middle to its farthest edge
    off: float  # squared distance from where it stands


def settled(picture: NDArray[np.uint8], motions: Mapping[str, str]) -> Settled | None:
    """A picture (1, H, W, 3) with each subject at the nearest place from which it can move as asked.

    `motions` are those of the prompt by colour, "" for a subject whose colour it does not say. None: the picture stays
    as it is, for it has another number of subjects, alike ones, one that the edge cuts, or no such places.
    """
    if not motions:
        return None
    pixels = torch.from_numpy(picture.copy()).float()
    ground = ground_shade(pixels)
    layers = find_layers(pixels, ground)
    if not _told_apart(layers) or any(map(_cut, layers)):
        return None
    middles = [_middle(layer.cover[0]) for layer in layers]
    tried = [
        _places(layer.cover[0], middle, _motion(layer, layers, motions), alone=len(layers) == 1)
        for layer, middle in zip(layers, middles, strict=True)
    ]
    best = min(product(*tried), key=_cost, default=None)
    if best is None or _cost(best) == inf:
        return None
    side = pixels.shape[1]
    rows = []
    for layer, middle, place in zip(layers, middles, best, strict=True):
        right, down = ((place.way[0] - middle) * side).round().int().tolist()
        rows.append([COLOURS.index(layer.colour), right, down, *layer.shade.tolist()])
    subjects = np.array(rows, np.float32)
    moved = _carried(pixels, ground, layers, subjects, 1, ground)
    return Settled(moved.round().to(torch.uint8).numpy(), ground.numpy(), subjects)


def named_by(picture: NDArray[np.uint8], motion: str) -> str | None:
    """A prompt for a picture (1, H, W, 3) as the model was taught: who is in it moves so; None: nobody it knows is."""
    pixels = torch.from_numpy(picture.copy()).float()
    ground = ground_shade(pixels)
    layers = find_layers(pixels, ground)
    if not _told_apart(layers):
        return None
    layers.sort(key=lambda layer: float(_middle(layer.cover[0]).sum()))  # who is named first stands further left and up
    said = tuple(Said(layer.colour, fit(layer.cover).shape, "medium", motion) for layer in layers)
    return describe(said, nearest_ground(ground), Random(0))


def as_given(
    frames: NDArray[np.float32], ground: NDArray[np.float32], subjects: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Frames (F, H, W, 3) in 0..1 made from a settled picture, as if made from the picture itself."""
    pixels = torch.from_numpy(255.0 * frames)
    seen = ground_shade(pixels)
    put_back = _carried(pixels, seen, find_layers(pixels, seen), subjects, -1, torch.from_numpy(ground)).numpy()
    shares: NDArray[np.float32] = (put_back / 255.0).clip(0.0, 1.0)
    return shares


def _told_apart(layers: Sequence[Layer]) -> bool:
    """Whether these are one or two subjects, each of its own colour."""
    return 0 < len(layers) <= _MOST and len({layer.colour for layer in layers}) == len(layers)


def _carried(
    pixels: Tensor, seen: Tensor, layers: Sequence[Layer], subjects: NDArray[np.float32], way: int, ground: Tensor
) -> Tensor:
    """Pixels (F, H, W, 3) with the subjects carried along their ways (1) or back (-1), on a ground of that shade.

    `seen` and `layers`: the ground's shade in the pixels, and what stands before it.
    """
    covers, shades = _by_colour(layers)
    made = pixels + (ground - seen)
    put = []
    for row, name in zip(subjects.tolist(), _named(subjects, shades), strict=True):
        if name is None:
            continue
        beside = [cover > 0 for other, cover in covers.items() if other != name]
        own = widened(covers[name] > 0, _BAND)
        own = own & ~torch.stack(beside).any(0) if beside else own
        made = torch.where(own[..., None], ground, made)
        put.append((_shifted(covers[name], way * int(row[1]), way * int(row[2])), torch.tensor(row[3:])))
    for cover, shade in put:
        made = torch.lerp(made, shade.expand_as(made), cover[..., None])
    return made.clamp(0, 255)


def _by_colour(layers: Sequence[Layer]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The cover (F, H, W) of all that has one colour, and the shade (3,) that it has."""
    covers: dict[str, Tensor] = {}
    for layer in layers:
        covers[layer.colour] = torch.maximum(covers.get(layer.colour, layer.cover), layer.cover)
    return covers, {layer.colour: layer.shade for layer in layers}


def _named(subjects: NDArray[np.float32], shades: Mapping[str, Tensor]) -> list[str | None]:
    """Which colour of a video each subject has: its own, or the nearest that nobody has, or none."""
    own = [COLOURS[int(number)] for number in subjects[:, 0]]
    free = {name: shade for name, shade in shades.items() if name not in own}
    found: list[str | None] = []
    for name, row in zip(own, subjects, strict=True):
        shade = torch.from_numpy(row[3:])
        nearest = min(free, key=lambda other: float((free[other] - shade).norm()), default=None)
        taken = name if name in shades else nearest
        free.pop(taken or "", None)
        found.append(taken)
    return found


def _shifted(cover: Tensor, right: int, down: int) -> Tensor:
    """A cover (F, H, W) moved by pixels; what leaves the picture is lost."""
    height, width = cover.shape[1:]
    moved = torch.zeros_like(cover)
    moved[:, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = cover[
        :, max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return moved


def _motion(layer: Layer, layers: Sequence[Layer], motions: Mapping[str, str]) -> str:
    """How a subject is to move: as the prompt says of its colour, or of the only one."""
    if len(layers) == len(motions) == 1:
        return next(iter(motions.values()))
    return motions.get(layer.colour, motions.get("", "still"))


def _cut(layer: Layer) -> bool:
    cover = layer.cover
    return max(side.max().item() for side in (cover[:, 0], cover[:, -1], cover[..., 0], cover[..., -1])) > _CUT


def _middle(cover: Tensor) -> Tensor:
    """The centre (x, y) of a cover (H, W), in units of the picture's sides."""
    rows, columns = ((torch.arange(count) + 0.5) / count for count in cover.shape)
    return torch.stack([cover.sum(0) @ columns, cover.sum(1) @ rows]) / cover.sum()


def _places(cover: Tensor, middle: Tensor, motion: str, alone: bool) -> list[_Place]:
    """The nearest places for a subject (H, W) from which its whole way stays in the picture."""
    edges = []
    for axis, count in ((0, cover.shape[1]), (1, cover.shape[0])):
        there = (cover > _CUT).any(axis).nonzero()[:, 0]
        edges.append((there[0].item() / count, (there[-1].item() + 1) / count))
    low, high = torch.tensor(edges).T
    for ways in lattice_ways(motion, alone):
        found = []
        for way in ways:
            scale, places = way[:, 2:3] / way[0, 2], way[:, :2]
            least, most = places - (middle - low) * scale, places + (high - middle) * scale
            if least.min() >= -_BEYOND and most.max() <= 1 + _BEYOND:
                reach = torch.maximum(middle - low, high - middle).max() * scale[:, 0]
                found.append(_Place(places, reach, (places[0] - middle).square().sum().item()))
        if found:
            return sorted(found, key=lambda place: place.off)[:_TRIED]
    return []


def _cost(places: Sequence[_Place]) -> float:
    """How far from where they stand, and how near to each other on their ways; infinite where they touch."""
    off = sum(place.off for place in places)
    if len(places) == 1:
        return off
    one, other = places
    gap = ((one.way - other.way).norm(dim=-1) - one.reach - other.reach).min().item()
    return inf if gap < 0 else off + _CLOSE * max(0.0, _GAP - gap)
