"""What a draft has to show and its frames come in, the share of it that is not seen goes out: quick, for the engine."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from app.embedded.checker.checker import Seen, look
from app.types import MustShow

_SIDE = 64  # pixels: the checker is as sure of pictures of this side, and looks at them in a quarter of the time


def unseen(frames: NDArray[np.uint8], shown: MustShow) -> float:
    """The share, 0..1, of ground, number, colours, shapes and motions that frames, uint8 (F, H, W, 3), do not show."""
    answers = list(_answers(look(_smaller(torch.from_numpy(frames))), shown))
    return answers.count(False) / len(answers)


def _answers(seen: Seen, shown: MustShow) -> list[bool]:
    answers = [seen.ground == shown.ground, len(seen.subjects) == len(shown.subjects)]
    for colour, shape, motion in shown.subjects:
        found = seen.subject(colour)
        answers += [found is not None, found is not None and found.shape == shape]
        answers.append(found is not None and found.motion == motion)
    return answers


def _smaller(frames: torch.Tensor) -> torch.Tensor:
    """The same frames at `_SIDE` pixels, by means of whole blocks; others stay as they are."""
    block, rest = divmod(frames.shape[1], _SIDE)
    if rest or block < 2:
        return frames
    pooled = functional.avg_pool2d(frames.permute(0, 3, 1, 2).float(), block)
    return pooled.round().to(torch.uint8).permute(0, 2, 3, 1)
