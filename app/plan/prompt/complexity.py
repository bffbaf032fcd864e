"""Factors come in, the score and its class go out, with the published steps and sentences that say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.plan.prompt.features import factors_of
from app.types import Analysis, Factor


@dataclass(frozen=True, slots=True)
class Complexity:
    """A row of the published table: from score `least` on, a prompt is of this class and takes `steps` steps."""

    name: str
    least: int
    steps: int


CLASSES: Final = (
    Complexity("simple", 0, 18),
    Complexity("moderate", 4, 25),
    Complexity("complex", 8, 35),
    Complexity("very_complex", 13, 45),
)
FIXED_STEPS: Final = 50
"""What most servers run whatever the prompt says; what ours are compared with."""


def analyse(prompt: str) -> Analysis:
    """Score a prompt; any string is legal. The same prompt always gets the same analysis."""
    factors = factors_of(prompt)
    score = sum(factor.score for factor in factors)
    row = class_of(score)
    reasons = tuple(_reason(factor) for factor in factors if factor.score)
    none = () if reasons else ("Nothing in the prompt asks for more than a simple scene.",)
    return Analysis(score, row.name, factors, (*reasons, *none, f"A score of {score} is {spoken(row.name)}."))


def class_of(score: int) -> Complexity:
    """The last row whose `least` the score reaches."""
    return next(row for row in reversed(CLASSES) if score >= row.least)


def spoken(name: str) -> str:
    """A class's name as people say it: "very complex"."""
    return name.replace("_", " ")


def _reason(factor: Factor) -> str:
    return f"{factor.name.capitalize()} {'add' if factor.name == 'subjects' else 'adds'} {factor.score}: " + (
        ", ".join(factor.found) + "."
    )
