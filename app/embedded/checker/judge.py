"""The built-in world's own judge of videos: how much of what prompts ask is seen in them; for calibrating budgets."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from app.embedded.checker.checker import look
from app.embedded.checker.evaluate import held_out_questions
from app.embedded.checker.rates import rates_of
from app.embedded.world.pairs import Question

JUDGED = ("ground", "colour", "shape", "motion", "both colours", "colours with shapes", "colours with motions")
_DRAWN = 4000  # prompts drawn to find enough of each complexity class

Frames = NDArray[np.uint8]  # (F, H, W, 3)


class Adherence:
    """The built-in world's checker: the share of what was asked, ground, colours, shapes and motions, that is seen."""

    measure = "adherence"

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = {question.prompt: question for question in questions}

    def quality(self, prompts: Sequence[str], videos: Sequence[Frames], full: Sequence[Frames]) -> float:
        shares = []
        for prompt, video in zip(prompts, videos, strict=True):
            rates = rates_of([self._questions[prompt]], [look(torch.from_numpy(video))])
            right = [rate.share for name, rate in rates.items() if name in JUDGED]
            shares.append(sum(right) / len(right))
        return 100 * sum(shares) / len(shares)


def drawn(seed: int) -> list[Question]:
    """Held-out prompts of one and of two subjects in turns, enough for every class that the built-in world knows."""
    pairs = zip(held_out_questions(_DRAWN // 2, 1, seed), held_out_questions(_DRAWN // 2, 2, seed), strict=True)
    return [question for pair in pairs for question in pair]
