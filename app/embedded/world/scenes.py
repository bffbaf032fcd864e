"""Drawing lots for scenes: what is in them, and start places where subjects stay in the picture and apart.

Places lie on a lattice, every motion has one pace and every cycle one phase, so that a small network sees few enough
different pictures of each thing to learn them well; nobody who watches a video sees the lattice.
"""

from collections.abc import Sequence
from itertools import product
from random import Random

import torch
from torch import Tensor

from app.embedded.world import vocabulary as words
from app.embedded.world.asks import NEWS, PLAIN, Ask, Mix, draw_asks
from app.embedded.world.clauses import Said
from app.embedded.world.rows import in_row, within
from app.embedded.world.world import Scene, Subject, relative_paths

__all__ = ["NEWS", "PLAIN", "Ask", "Mix", "draw_asks", "lattice_ways", "place"]

_TRIES = 64  # start places tried for each scene
_APART = 0.2  # wanted gap between two subjects' circles, in units of the picture
_TWO_SCALE = 0.74  # two subjects share the picture, so each is a size smaller
_REACH = 1.25
_LATTICE = 4  # start places are multiples of the picture's side over this: the corners of the denoiser's patches
_FINE_LATTICE = 8  # for one of two subjects that would have a single place on the other: corners of latent cells
_LOOSE_LATTICE = 64  # for scenes that are given as a picture: two pixels of 128
_WIDE = ("growing", "shrinking", "orbiting")
_TOP, _BOTTOM = 0.75, 0.25  # phases of an orbit that begin there
_TRAVEL = {"bouncing": 0.375, "spinning": 0.75, "orbiting": 0.1875, "across left": 1.0, "across right": 1.0}
_TRAVEL_OF_TWO = _TRAVEL | {"bouncing": 0.25, "orbiting": 0.125}  # they share the picture
_STRAIGHT = 0.5  # of the picture's side in 16 frames: a cell in each latent frame
_FAR = 0.25  # how far one stands above the other, at least, where that is said


def place(asks: Sequence[Ask], seed: int, loose: bool = False) -> list[Scene]:
    """Give each ask start places on the lattice: all inside the picture, two subjects apart and as their relation says.

    Of two subjects without one, the one named first stands further left or higher up, as one reads. A bounce begins at
    its lowest place, an orbit at its top, or at its bottom in the lower half of the picture. `loose`: places lie
    between those of the lattice too, as in pictures that people bring.
    """
    generator = torch.Generator().manual_seed(seed)
    scenes = [
        None if said[0].count == 1 and said[0].relation != "inside" else _arranged(ground, said, seed + row)
        for row, (ground, said) in enumerate(asks)
    ]
    rows = [row for row, scene in enumerate(scenes) if scene is None]
    free = iter(_placed([asks[row] for row in rows], generator, loose) if rows else [])
    return [next(free) if scene is None else scene for scene in scenes]


def lattice_ways(motion: str, alone: bool) -> list[list[Tensor]]:
    """Every way (frames, 4), as `relative_paths` has it but with places, that begins on the lattice, of radius one.

    Where one of two takes up room on its way, those of the fine lattice come as a second list: for want of others.
    """
    travel = torch.tensor((_TRAVEL if alone else _TRAVEL_OF_TWO).get(motion, _STRAIGHT))
    kind, one = torch.tensor(words.ALL_MOTIONS.index(motion)), torch.ones(())
    ways = []
    for lattice in (_LATTICE, _FINE_LATTICE)[: 1 + (motion in _WIDE and not alone)]:
        found = []
        for row, column in product(range(lattice + 1), repeat=2):
            phase = 0.0 if motion != "orbiting" else _BOTTOM if row / lattice > 0.5 else _TOP
            way = relative_paths(kind, travel, torch.tensor(phase), one)
            way[:, :2] += torch.tensor([column / lattice, row / lattice])
            found.append(way)
        ways.append(found)
    return ways


def _arranged(ground: str, said: tuple[Said, ...], seed: int) -> Scene:
    rng = Random(seed)
    return Scene(ground, within(said) if said[0].relation == "inside" else in_row(said[0], rng))


def _placed(asks: Sequence[Ask], generator: torch.Generator, loose: bool) -> list[Scene]:
    """Scenes of one or two subjects, the best of several tries each."""
    said = [subjects * 2 if len(subjects) == 1 else subjects for _, subjects in asks]  # (n, 2): a lone one twice
    alone = torch.tensor([len(subjects) == 1 for _, subjects in asks])
    motion = torch.tensor([[words.ALL_MOTIONS.index(one.motion) for one in pair] for pair in said])
    radius = torch.tensor([[words.SIZES[one.size] for one in pair] for pair in said])
    radius = torch.where(alone[:, None], radius, radius * _TWO_SCALE)
    shape = (len(asks), _TRIES, 2)
    motion, radius = motion[:, None].expand(shape), radius[:, None].expand(shape)
    one, two = (torch.tensor([t.get(name, _STRAIGHT) for name in words.ALL_MOTIONS]) for t in (_TRAVEL, _TRAVEL_OF_TWO))
    travel = torch.where(alone[:, None, None], one[motion], two[motion])
    phase = torch.where(motion == words.ALL_MOTIONS.index("orbiting"), _TOP, 0.0)
    path = relative_paths(motion, travel, phase, radius)  # (n, tries, 2, frames, 4)
    wide = torch.stack([motion == words.ALL_MOTIONS.index(name) for name in _WIDE]).any(0) & ~alone[:, None, None]
    start = _starts(path, torch.rand((*shape, 2), generator=generator), wide, loose)  # (n, tries, 2, 2)
    start = _from_the_edge(start, motion)
    phase = torch.where((phase == _TOP) & (start[..., 1] > 0.5), _BOTTOM, phase)
    path = relative_paths(motion, travel, phase, radius)
    best = _best(path, start, alone, [pair[0].relation for pair in said])
    return [_scene(ask, index, int(best[index]), travel, phase, radius, start) for index, ask in enumerate(asks)]


def _starts(path: Tensor, chance: Tensor, wide: Tensor, loose: bool) -> Tensor:
    """Start places on the lattice so that the whole path stays in the picture; `chance` in 0..1 picks one.

    A `wide` subject (n, tries, 2) with a single place on the lattice goes by the fine one.
    """
    reach = path[..., 2:3] * _REACH
    least = (reach - path[..., :2]).amax(-2)  # (n, tries, 2, xy)
    most = (1 - reach - path[..., :2]).amin(-2)
    single = (most * _LATTICE).floor() <= (least * _LATTICE).ceil()
    lattice = torch.where(single & wide[..., None], _FINE_LATTICE, _LATTICE)
    lattice = torch.full_like(lattice, _LOOSE_LATTICE) if loose else lattice
    low, high = (least * lattice).ceil(), (most * lattice).floor()
    return (low + ((high - low + 1) * chance).floor().clamp(min=0)) / lattice


def _from_the_edge(start: Tensor, motion: Tensor) -> Tensor:
    """The start places (..., 2), at the picture's edge for those who go across all of it."""
    x = start[..., 0]
    x = torch.where(motion == words.ALL_MOTIONS.index("across right"), 0.0, x)
    x = torch.where(motion == words.ALL_MOTIONS.index("across left"), 1.0, x)
    return torch.stack([x, start[..., 1]], dim=-1)


def _best(path: Tensor, start: Tensor, alone: Tensor, relations: Sequence[str]) -> Tensor:
    """The try of each scene whose subjects are well apart and as their relation says, or else in reading order."""
    places = path[..., :2] + start[..., None, :]  # (n, tries, 2, frames, 2)
    gap = (places[:, :, 0] - places[:, :, 1]).norm(dim=-1) - path[..., 2].sum(2) * 1.05
    apart = gap.amin(-1).clamp(max=_APART)
    middle = places.mean(3).sum(-1)  # (n, tries, 2): left and high is small
    ordered = (middle[..., 1] - middle[..., 0]).clamp(max=0.25)
    told = torch.stack([_standing(places[row], relation) for row, relation in enumerate(relations)])
    related = torch.tensor([relation != "" for relation in relations])[:, None]
    score = apart * 12 + torch.where(related, told, ordered)
    return torch.where(alone, 0, score.argmax(1))


def _standing(places: Tensor, relation: str) -> Tensor:
    """How well places (tries, 2, frames, xy) fit a relation: far enough at every frame, and not much aslant."""
    if not relation:
        return torch.zeros(len(places))
    axis = 1 if relation in ("above", "below") else 0
    way = places[:, 1] - places[:, 0] if relation in ("above", "left of") else places[:, 0] - places[:, 1]
    far = way[..., axis].amin(-1).clamp(max=_FAR)
    aslant = way[..., 1 - axis].mean(-1).abs()
    return 60 * far - 20 * aslant


def _scene(ask: Ask, row: int, choice: int, travel: Tensor, phase: Tensor, radius: Tensor, start: Tensor) -> Scene:
    ground, said = ask
    subjects = tuple(
        Subject(
            colour=one.colour,
            shape=one.shape,
            size=one.size,
            motion=one.motion,
            radius=radius[row, choice, index].item(),
            x=start[row, choice, index, 0].item(),
            y=start[row, choice, index, 1].item(),
            travel=travel[row, choice, index].item(),
            phase=phase[row, choice, index].item(),
        )
        for index, one in enumerate(said)
    )
    return Scene(ground, subjects)
