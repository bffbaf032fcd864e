"""The checker's eye for motion: from where a subject is in each frame to the word for how it moves."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from app.embedded.world import vocabulary as words
from app.embedded.world.world import relative_paths

UNCLEAR = "unclear"
SIDEWAYS = ("left", "right")
_ACROSS = 0.75  # of the picture's width: a way from further out than this to as far on the other side is across
_MOVED = 0.1  # a way shorter than this share of the picture is none
_ROUND = 0.2  # spread across the way over spread along it: beyond, the way is bent
_ONWARD = 0.65  # net way over whole way: beyond, it never turned back
_SLANTED = 0.5  # way across the axis over way along it: beyond, it is no longer left, right, up or down
_GREW = 1.25  # last radius over first
_PACES = tuple(math.radians(pace) for pace in range(-30, 31))  # turns a frame that are tried
_TURNED = math.radians(6)  # a frame: slower is no spin
_STEADY = 0.75  # how well, 0..1, the angles must follow the best pace; noise comes to about half


@dataclass(frozen=True)
class Way:
    """One subject over time: frame numbers (f,), places (f, 2), radii (f,), and angles (f,) by symmetry.

    Lengths in units of the picture's side, angles in radians, each by a symmetry that the subject has.
    """

    times: Tensor
    places: Tensor
    radii: Tensor
    angles: dict[int, Tensor]


def classify(way: Way) -> str:
    """The word for a motion, or "unclear" for a way that is none of the world's."""
    if len(way.times) < 2:
        return UNCLEAR
    extent = (way.places.amax(0) - way.places.amin(0)).max().item()
    return _in_place(way) if extent < _MOVED else _on_the_move(way.places)


def how_far(motion: str, cover: Tensor) -> str:
    """A way to the left or right, or "across" it where its two ends are near the picture's: cover (f, side, side)."""
    shown = cover.flatten(1).sum(1)
    columns = (torch.arange(cover.shape[-1]) + 0.5) / cover.shape[-1]
    middles = (cover.sum(1) @ columns)[shown > 0] / shown[shown > 0]
    return f"across {motion}" if (middles[-1] - middles[0]).abs() > _ACROSS else motion


def scales(motion: str, times: Tensor) -> Tensor:
    """A subject's radius at frames (f,) over the radius that its size word means: (f,)."""
    kind = torch.tensor(words.ALL_MOTIONS.index(motion if motion in words.ALL_MOTIONS else "still"))
    one = torch.ones(())
    return relative_paths(kind, one, one, one, int(times.max()) + 1)[times, 2]


def _in_place(way: Way) -> str:
    quarter = max(1, len(way.radii) // 4)
    growth = (way.radii[-quarter:].median() / way.radii[:quarter].median()).item()
    if max(growth, 1 / growth) > _GREW:
        return "growing" if growth > 1 else "shrinking"
    turns = any(_turns(angles, way.times, folds) for folds, angles in way.angles.items())
    return "spinning" if turns else "still"


def _turns(angles: Tensor, times: Tensor, folds: int) -> bool:
    """Whether angles (f,), known up to a turn divided by `folds`, go round at some pace."""
    paces = torch.tensor(_PACES)
    off = folds * (angles - paces[:, None] * times)  # (paces, f)
    steady = torch.polar(torch.ones_like(off), off).mean(1).abs()
    best = int(steady.argmax())
    return abs(_PACES[best]) >= _TURNED and steady[best].item() >= _STEADY


def _on_the_move(places: Tensor) -> str:
    centred = places - places.mean(0)
    _, spread, axes = torch.linalg.svd(centred, full_matrices=False)
    if spread[1] > _ROUND * spread[0]:
        return "orbiting"
    along = centred @ axes[0]  # (f,)
    whole, net = along.diff().abs().sum().item(), (along[-1] - along[0]).abs().item()
    across, down = axes[0].abs().tolist()
    if min(across, down) > _SLANTED * max(across, down):
        return UNCLEAR
    if net < _ONWARD * whole:
        return "bouncing" if down > across else UNCLEAR
    go_x, go_y = (places[-1] - places[0]).tolist()
    if across > down:
        return "right" if go_x > 0 else "left"
    return "down" if go_y > 0 else "up"
