"""What the denoiser is also asked while it learns: what is in the scene and where, read from its middle layer.

A picture's error says little about a shape or a motion until shapes are drawn well, and they are not drawn well before
the words for them are heeded. Asking the middle layer for the answers that the world knows breaks that circle. Guiding
hidden states in this way is known to speed up training: "Representation Alignment for Generation" (2024), which aligns
them with another network's features; here the facts themselves are at hand. The tutor is not part of the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.embedded.model import CleanWanTransformer
from app.embedded.world import vocabulary as words
from app.embedded.world.world import Scene, paths

SLOTS = 3
_CLASSES = (len(words.COLOURS), len(words.SHAPES), len(words.SIZES), len(words.ALL_MOTIONS))
_PLACES = 7  # x and y of the first frame, of the last, radius, cosine and sine of the angle
_SLOT = 1 + sum(_CLASSES) + _PLACES
_NOBODY = -1
_NEAR = 0.25  # offsets are squashed beyond this many picture sides


@dataclass(frozen=True)
class Facts:
    """What is in each clip, in the order the prompt names it."""

    grounds: Tensor  # int64 (n,)
    classes: Tensor  # int64 (n, 3, 4): colour, shape, size, motion; -1 where there is no such subject
    paths: Tensor  # float32 (n, 3, 17, 4): x, y, radius, angle

    def take(self, chosen: Tensor) -> "Facts":
        """The facts of some clips."""
        return Facts(self.grounds[chosen], self.classes[chosen], self.paths[chosen])

    def to(self, device: torch.device) -> "Facts":
        """The same on a device."""
        return Facts(self.grounds.to(device), self.classes.to(device), self.paths.to(device))


def facts_of(scenes: Sequence[Scene]) -> Facts:
    """The facts of scenes, for the tutor."""
    tables = tuple(words.COLOURS), words.SHAPES, tuple(words.SIZES), words.ALL_MOTIONS
    classes = torch.full((len(scenes), SLOTS, 4), _NOBODY)
    where = torch.zeros(len(scenes), SLOTS, 17, 4)
    for row, scene in enumerate(scenes):
        where[row, : len(scene.subjects)] = paths(scene.subjects)
        for slot, one in enumerate(scene.subjects):
            names = (one.colour, one.shape, one.size, one.motion)
            classes[row, slot] = torch.tensor([t.index(name) for t, name in zip(tables, names, strict=True)])
    grounds = tuple(words.GROUNDS)
    return Facts(torch.tensor([grounds.index(scene.ground) for scene in scenes]), classes, where)


class Tutor(nn.Module):
    """Questions to the hidden states (b, tokens, width) behind one block of a denoiser."""

    def __init__(self, model: CleanWanTransformer, after_block: int) -> None:
        super().__init__()
        width = model.config.num_attention_heads * model.config.attention_head_dim
        self.answer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, SLOTS * _SLOT + len(words.GROUNDS)))
        self.heard: Tensor | None = None
        model.blocks[after_block].register_forward_hook(self._hear)

    def _hear(self, block: nn.Module, given: object, hidden: Tensor) -> None:
        self.heard = hidden

    def loss(self, facts: Facts, told: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """The answers' error after a forward on `grid` = (frames, rows, columns) of tokens.

        `told` (b,) says whose prompt was not dropped: only they are asked what the words said.
        """
        assert self.heard is not None
        answers = self.answer(self.heard.float())  # (b, tokens, answers)
        self.heard = None
        slots, ground = answers.split([SLOTS * _SLOT, len(words.GROUNDS)], dim=-1)
        slots = slots.unflatten(-1, (SLOTS, _SLOT))  # (b, tokens, slots, answers)
        there, *kinds, where = slots.split([1, *_CLASSES, _PLACES], dim=-1)
        present = facts.classes[..., 0] != _NOBODY  # (b, slots)
        wanted = present[:, None].expand(there.shape[:-1]).float()
        asked = told[:, None, None].expand(wanted.shape).float()
        error = (functional.binary_cross_entropy_with_logits(there[..., 0], wanted, reduction="none") * asked).mean()
        error = error + _class_error(ground, facts.grounds[:, None].expand(ground.shape[:-1]), asked[..., 0])
        for index, kind in enumerate(kinds):
            right = facts.classes[:, None, :, index].expand(kind.shape[:-1])
            error = error + _class_error(kind, right.clamp(min=0), asked * wanted)
        goal = places(facts.paths, grid)  # (b, tokens, slots, places)
        off = ((where - goal).square().mean(-1) * wanted).mean()
        total: Tensor = error / (len(kinds) + 2) + 4 * off
        return total


def _class_error(answer: Tensor, right: Tensor, weight: Tensor) -> Tensor:
    error = functional.cross_entropy(answer.flatten(0, -2), right.flatten(), reduction="none")
    mean: Tensor = (error * weight.flatten()).sum() / weight.sum().clamp(min=1)
    return mean


def places(paths: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Where subjects are seen from each token: (b, tokens, slots, 7), offsets squashed so that near ones matter."""
    frames, rows, columns = grid
    last = torch.arange(frames) * 4
    first = (last - 3).clamp(min=0)
    ends = torch.stack([paths[:, :, first, :2], paths[:, :, last, :2]], dim=3)  # (b, slots, F, 2, xy)
    ends = ends.permute(0, 2, 1, 3, 4)[:, :, None, None]  # (b, F, 1, 1, slots, 2, xy)
    y, x = ((torch.arange(count) + 0.5) / count for count in (rows, columns))
    own = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).to(paths.device)  # (rows, columns, xy)
    offsets = ((ends - own[None, None, :, :, None, None]) / _NEAR).tanh().flatten(-2)  # (b, F, rows, columns, slots, 4)
    rest = paths[:, :, last, 2:].permute(0, 2, 1, 3)[:, :, None, None].expand(*offsets.shape[:-1], 2)
    radius, angle = rest[..., :1], rest[..., 1:]
    return torch.cat([offsets, radius / 0.19, angle.cos(), angle.sin()], dim=-1).flatten(1, 3)
