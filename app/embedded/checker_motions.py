"""The checker's eye for motion: from where a subject is in each frame to the word for how it moves."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from app.embedded import vocabulary as words
from app.embedded.world import relative_paths

UNCLEAR = "unclear"
_MOVED = 0.1  # a way shorter than this share of the picture is none
_ROUND = 0.2  # spread across the way over spread along it: beyond, the way is bent
_ONWARD = 0.65  # net way over whole way: beyond, it never turned back
_SLANTED = 0.5  # way across the axis over way along it: beyond, it is no longer left, right, up or down
_GREW = 1.25  # last radius over first
_TURNED = math.radians(6)  # a frame
_STEADY = 0.75  # share of frames that turn in the same direction


@dataclass(frozen=True)
class Way:
    """One subject over time: frame numbers (f,), places (f, 2), radii (f,), angles (f,), and its shape's symmetry.

    Lengths in units of the picture's side; `folds` is 0 for shapes whose turning cannot be seen.
    """

    times: Tensor
    places: Tensor
    radii: Tensor
    angles: Tensor
    folds: int


def classify(way: Way) -> str:
    """The word for a motion, or "unclear" for a way that is none of the world's."""
    if len(way.times) < 2:
        return UNCLEAR
    extent = (way.places.amax(0) - way.places.amin(0)).max().item()
    return _in_place(way) if extent < _MOVED else _on_the_move(way.places)


def scales(motion: str, times: Tensor) -> Tensor:
    """A subject's radius at frames (f,) over the radius that its size word means: (f,)."""
    kind = torch.tensor(words.MOTIONS.index(motion) if motion in words.MOTIONS else words.MOTIONS.index("still"))
    one = torch.ones(())
    return relative_paths(kind, one, one, one, int(times.max()) + 1)[times, 2]


def _in_place(way: Way) -> str:
    quarter = max(1, len(way.radii) // 4)
    growth = (way.radii[-quarter:].median() / way.radii[:quarter].median()).item()
    if max(growth, 1 / growth) > _GREW:
        return "growing" if growth > 1 else "shrinking"
    return "spinning" if _turns(way) else "still"


def _turns(way: Way) -> bool:
    if way.folds == 0 or len(way.times) < 3:
        return False
    period = 2 * math.pi / way.folds
    turned = torch.remainder(way.angles.diff() + period / 2, period) - period / 2  # the nearer way round
    turned = turned[way.times.diff() == 1]
    if len(turned) == 0:
        return False
    steady = max((turned > 0).float().mean().item(), (turned < 0).float().mean().item())
    return steady >= _STEADY and abs(turned.median().item()) >= _TURNED


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
