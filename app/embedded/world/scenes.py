"""Drawing lots for scenes: what is in them, and start places where subjects stay in the picture and apart.

Places and phases lie on a lattice and every motion has one pace, so that a small network sees few enough different
pictures of each thing to learn them well; nobody who watches a video sees the lattice.
"""

from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from app.embedded.world import prompts
from app.embedded.world import vocabulary as words
from app.embedded.world.prompts import Said
from app.embedded.world.world import Scene, Subject, relative_paths

_TRIES = 64  # start places tried for each scene
_APART = 0.2  # wanted gap between two subjects' circles, in units of the picture
_TWO_SCALE = 0.74  # two subjects share the picture, so each is a size smaller
_REACH = 1.25
_LATTICE = 4  # start places are multiples of the picture's side over this: the corners of the denoiser's patches
_FINE_LATTICE = 8  # for one of two subjects that would have a single place on the other: corners of latent cells
_WIDE = ("growing", "shrinking", "orbiting")
_PHASES = 4
_TRAVEL = {"bouncing": 0.375, "spinning": 0.75, "orbiting": 0.1875}
_TRAVEL_OF_TWO = _TRAVEL | {"bouncing": 0.25, "orbiting": 0.125}  # they share the picture
_STRAIGHT = 0.5  # of the picture's side in 16 frames: a cell in each latent frame

Ask = tuple[str, tuple[Said, ...]]
"""What a scene must show: its ground and its subjects, without places."""


def draw_asks(count: int, two_share: float, rng: Random, held_out: bool = False) -> list[Ask]:
    """Lots for `count` scenes, `two_share` of them with two subjects of different colours.

    Training draws (`held_out` false) never hold a held-out combination; held-out draws hold nothing else.
    """
    table: dict[str, list[tuple[str, str, str]]] = {ground: [] for ground in words.GROUNDS}
    for colour, shape, motion, ground in prompts.combinations(held_out):
        table[ground].append((colour, shape, motion))
    return [_draw_ask(table, 2 if rng.random() < two_share else 1, rng) for _ in range(count)]


def _draw_ask(table: dict[str, list[tuple[str, str, str]]], subjects: int, rng: Random) -> Ask:
    ground = rng.choice(list(table))
    said: list[Said] = []
    while len(said) < subjects:
        motion = rng.choice(words.MOTIONS)  # each motion as often, though fewer shapes can spin
        colour, shape, motion = rng.choice([row for row in table[ground] if row[2] == motion] or table[ground])
        if all(colour != other.colour for other in said):
            said.append(Said(colour, shape, rng.choices(tuple(words.SIZES), weights=(1, 2, 1))[0], motion))
    return ground, tuple(said)


def place(asks: Sequence[Ask], seed: int) -> list[Scene]:
    """Give each ask start places and a phase on the lattice: all inside the picture, two subjects apart.

    Of two subjects the one named first stands further left or higher up, as one reads.
    """
    generator = torch.Generator().manual_seed(seed)
    said = [subjects * 2 if len(subjects) == 1 else subjects for _, subjects in asks]  # (n, 2): a lone one twice
    alone = torch.tensor([len(subjects) == 1 for _, subjects in asks])
    motion = torch.tensor([[words.MOTIONS.index(one.motion) for one in pair] for pair in said])
    radius = torch.tensor([[words.SIZES[one.size] for one in pair] for pair in said])
    radius = torch.where(alone[:, None], radius, radius * _TWO_SCALE)
    shape = (len(asks), _TRIES, 2)
    motion, radius = motion[:, None].expand(shape), radius[:, None].expand(shape)
    one, two = (torch.tensor([t.get(name, _STRAIGHT) for name in words.MOTIONS]) for t in (_TRAVEL, _TRAVEL_OF_TWO))
    travel = torch.where(alone[:, None, None], one[motion], two[motion])
    phase = (torch.rand(shape, generator=generator) * _PHASES).floor() / _PHASES
    phase = torch.where(motion == words.MOTIONS.index("bouncing"), (phase >= 0.5) * 0.5, phase)
    path = relative_paths(motion, travel, phase, radius)  # (n, tries, 2, frames, 4)
    wide = torch.stack([motion == words.MOTIONS.index(name) for name in _WIDE]).any(0) & ~alone[:, None, None]
    start = _starts(path, torch.rand((*shape, 2), generator=generator), wide)  # (n, tries, 2, 2)
    best = _best(path, start, alone)
    return [_scene(ask, index, int(best[index]), travel, phase, radius, start) for index, ask in enumerate(asks)]


def _starts(path: Tensor, chance: Tensor, wide: Tensor) -> Tensor:
    """Start places on the lattice so that the whole path stays in the picture; `chance` in 0..1 picks one.

    A `wide` subject (n, tries, 2) with a single place on the lattice goes by the fine one.
    """
    reach = path[..., 2:3] * _REACH
    least = (reach - path[..., :2]).amax(-2)  # (n, tries, 2, xy)
    most = (1 - reach - path[..., :2]).amin(-2)
    single = (most * _LATTICE).floor() <= (least * _LATTICE).ceil()
    lattice = torch.where(single & wide[..., None], _FINE_LATTICE, _LATTICE)
    low, high = (least * lattice).ceil(), (most * lattice).floor()
    return (low + ((high - low + 1) * chance).floor().clamp(min=0)) / lattice


def _best(path: Tensor, start: Tensor, alone: Tensor) -> Tensor:
    """The try of each scene whose subjects are well apart and in reading order."""
    places = path[..., :2] + start[..., None, :]  # (n, tries, 2, frames, 2)
    gap = (places[:, :, 0] - places[:, :, 1]).norm(dim=-1) - path[..., 2].sum(2) * 1.05
    apart = gap.amin(-1).clamp(max=_APART)
    middle = places.mean(3).sum(-1)  # (n, tries, 2): left and high is small
    ordered = (middle[..., 1] - middle[..., 0]).clamp(max=0.25)
    score = apart * 12 + ordered
    return torch.where(alone, 0, score.argmax(1))


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
