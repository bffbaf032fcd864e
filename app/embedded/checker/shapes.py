"""The checker's eye for shapes: lays every shape of the world over a subject and keeps the one that fits best."""

from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from app.embedded.world import vocabulary as words
from app.embedded.world.world import signed_distance

FOLDS: Final = MappingProxyType[str, int]({"circle": 0, "ring": 0, "square": 4, "triangle": 3, "star": 5})
"""Shape -> in how many ways it can be turned into itself; 0: its turning cannot be seen."""
_SOFT = (0.0, 1.0, 2.0, 3.0)  # blur of the shapes that are laid over, in pixels of a picture of 128
_SCALES = (0.9, 1.0, 1.1)  # sizes of the shapes that are laid over, 1: the same area
_PLAIN = 0.08  # size of an angular moment below which its angle is noise
_MARGIN = 6  # pixels around the subject


@dataclass(frozen=True)
class Outline:
    """The best shape of a subject and, for each of f frames, its place (f, 2), radius (f,) and angles.

    Lengths in units of the picture's side, x to the right, y down. `angles` says for each symmetry n how far the
    subject is turned, (f,) in radians, clockwise on the screen, known up to an n-th of a turn; a symmetry that
    the subject hardly has is left out. `overlap`, 0..1, is that with the ideal outline, crisp and of the same area.
    """

    shape: str
    places: Tensor
    radii: Tensor
    angles: dict[int, Tensor]
    overlap: float


def fit(cover: Tensor) -> Outline:
    """The shape of a subject whose share in every pixel is `cover` (f, side, side); every frame shows some of it.

    Shapes are laid over it crisp and softened, a little smaller and larger: a soft star in a haze is still a star.
    """
    side = cover.shape[-1]
    near, x, y = _window(cover)  # (f, w, w), (f, 1, w), (f, w, 1)
    area = near.sum((1, 2))
    places = torch.stack([(near * x).sum((1, 2)), (near * y).sum((1, 2))], dim=-1) / area[:, None]
    x, y = x - places[:, 0, None, None], y - places[:, 1, None, None]
    moments = {folds: _moment(near, x, y, folds) for folds in sorted(set(FOLDS.values()) - {0})}
    angles = {folds: moment.angle() / folds for folds, moment in moments.items()}
    plain = {folds: angles[folds] for folds, moment in moments.items() if moment.abs().median() > _PLAIN}
    sharp = _sharpened(near)
    best, outline = -1.0, None
    for shape in words.SHAPES:
        unit_area, unit_angle = _unit(shape)
        radii = (area / unit_area).sqrt() / side
        turned = angles.get(FOLDS[shape], torch.zeros_like(radii)) - unit_angle
        ideals = torch.stack([_draw(shape, x, y, radii * scale, turned, side) for scale in _SCALES])
        likeness = _likeness(sharp, ideals, side)
        if likeness > best:
            overlap = _overlap(near, ideals[_SCALES.index(1.0)]).item()
            best, outline = likeness, Outline(shape, places, radii, plain, overlap)
    assert outline is not None
    return outline


def _likeness(sharp: Tensor, ideals: Tensor, side: int) -> float:
    """The best overlap of a cover (f, w, w) and ideals (k, f, w, w) at any softness, all with their contrast raised."""
    softened = (_softened(ideals, sigma * side / 128) for sigma in _SOFT)
    return max(_overlap(sharp, _sharpened(ideal)).max().item() for ideal in softened)


def _sharpened(cover: Tensor) -> Tensor:
    return (2 * cover - 0.5).clamp(0, 1)


def _window(cover: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A square cut around the subject in every frame, zero outside the picture, and its pixels' x and y."""
    frames, side = cover.shape[:2]
    steps = torch.arange(side)
    middles, reach = [], 0
    for axis in (1, 2):  # columns, then rows
        shown = cover.amax(axis) > 0  # (f, s)
        low = torch.where(shown, steps, side).amin(1)
        high = torch.where(shown, steps, -1).amax(1)
        middles.append((low + high) // 2)
        reach = max(reach, int((high - low).max()) // 2 + _MARGIN)
    offsets = torch.arange(-reach, reach + 1)
    columns, rows = middles[0][:, None] + offsets, middles[1][:, None] + offsets  # (f, w)
    padded = functional.pad(cover, (reach, reach, reach, reach))
    frame = torch.arange(frames)[:, None, None]
    near = padded[frame, (rows + reach)[:, :, None], (columns + reach)[:, None, :]]
    return near, (columns[:, None, :] + 0.5) / side, (rows[:, :, None] + 0.5) / side


def _draw(shape: str, x: Tensor, y: Tensor, radii: Tensor, angles: Tensor, side: int) -> Tensor:
    radius, cos, sin = (values[:, None, None] for values in (radii, angles.cos(), angles.sin()))
    px, py = x / radius, y / radius
    inside = signed_distance(shape, px * cos + py * sin, py * cos - px * sin)
    return (0.5 - inside * radius * side).clamp(0, 1)


def _softened(ideals: Tensor, sigma: float) -> Tensor:
    """Covers (..., w, w) blurred by a Gaussian of `sigma` pixels; beside them is nothing."""
    if sigma == 0:
        return ideals
    blur = _blur(ideals.shape[-1], sigma)
    return blur @ ideals @ blur.T


@lru_cache(maxsize=1024)
def _blur(width: int, sigma: float) -> Tensor:
    """The Gaussian, cut off at _MARGIN, as a matrix (w, w): many small pictures are blurred sooner so."""
    apart = torch.arange(width)[:, None] - torch.arange(width)
    reach = torch.arange(-_MARGIN, _MARGIN + 1)
    weights = torch.exp(-apart.square() / (2 * sigma**2)) / torch.exp(-reach.square() / (2 * sigma**2)).sum()
    return torch.where(apart.abs() <= _MARGIN, weights, 0)


def _overlap(cover: Tensor, ideal: Tensor) -> Tensor:
    """Intersection over union of covers (..., f, w, w) of one area, all frames together: (...)."""
    return torch.minimum(cover, ideal).sum((-3, -2, -1)) / torch.maximum(cover, ideal).sum((-3, -2, -1))


def _moment(cover: Tensor, x: Tensor, y: Tensor, folds: int) -> Tensor:
    """The angular moment of an n-fold symmetry: (f,) complex, its size 0..1, its phase n times the angle."""
    place = torch.complex(x.expand_as(cover), y.expand_as(cover))
    power = place.square() if folds < 4 else place.square().square()
    power = power * place if folds % 2 else power  # 3, 4 and 5: products, which are several times faster than a power
    moment: Tensor = (cover * power).sum((1, 2)) / (cover * power.abs()).sum((1, 2))
    return moment


@cache
def _unit(shape: str) -> tuple[float, float]:
    """Area of a shape of radius one, and its angle by its own symmetry when not turned."""
    side, reach = 400, 1.3
    steps = ((torch.arange(side) + 0.5) / side * 2 - 1)[None] * reach
    x, y = steps[:, None, :], steps[:, :, None]
    cover = (signed_distance(shape, x + 0 * y, y + 0 * x) < 0).float()
    area = cover.sum().item() * (2 * reach / side) ** 2
    folds = FOLDS[shape]
    return area, _moment(cover, x, y, folds).angle().item() / folds if folds else 0.0


@cache
def area_by_edge(shape: str) -> float:
    """Area of a shape of radius one, divided by the length of all its edges."""
    side, reach, band = 1600, 1.3, 0.05
    steps = ((torch.arange(side) + 0.5) / side * 2 - 1)[None] * reach
    distance = signed_distance(shape, steps.T.expand(side, side), steps.expand(side, side))
    return ((distance < 0).sum() * 2 * band / (distance.abs() < band).sum()).item()
