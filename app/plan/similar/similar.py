"""Similar videos and a model's measured table come in, the one to begin with and the first step go out; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.plan.prompt.worlds import World
from app.plan.sentences import tidy
from app.plan.similar.likeness import Asked
from app.plan.similar.table import SimilarTable
from app.types import Plan

LEAST_STEPS: Final = 2
"""Fewer skipped steps are not worth the difference."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A video whose final latent is kept, and how similar its prompt is to the one asked about."""

    entry: str
    prompt: str
    seed: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The video to begin with, and the step to begin at."""

    kept: Kept
    step: int


def choose(plan: Plan, found: Sequence[Kept], world: World | None, table: SimilarTable) -> Choice | None:
    """The most similar video that the plan may begin with; None: from noise.

    Refused are prompts that differ in what matters, and another seed for the very same prompt: that asks for another
    take of it. Of videos that are as similar, one of the same seed is taken. A student's few steps leave none to skip,
    and a video that is made in stages has no latent of its whole walk.
    """
    if plan.student is not None or plan.stages:
        return None
    asked = Asked(plan.prompt, world)
    for kept in sorted(found, key=lambda each: (-each.similarity, each.seed != plan.sampling.seed)):
        step = int(table.share(kept.similarity) * plan.sampling.steps)
        if step < LEAST_STEPS:
            break  # the others are less similar
        same = tidy(kept.prompt) == tidy(plan.prompt)
        if same and kept.seed != plan.sampling.seed:
            continue
        if not same and asked.differs(kept.prompt) is not None:
            continue
        return Choice(kept, min(step, plan.sampling.steps - 1))
    return None
