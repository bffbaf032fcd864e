"""The score of /health: each component's status comes in, a number from 0 to 100 and what it lost points for go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["ok", "degraded", "down"]

BEST: Final = 100
UNAVAILABLE_MOST: Final = 20
"""No service that cannot make videos has more."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a component's status costs, in points."""

    down: int
    degraded: int
    why: str


RULE: Final[Mapping[str, Weight]] = {
    "redis": Weight(100, 20, "nothing is accepted, nothing can be looked up"),
    "diffuser": Weight(80, 30, "no pool, or not every pool, makes videos"),
    "dispatcher": Weight(80, 20, "what is accepted waits"),
    "artifacts": Weight(80, 20, "what is made cannot be kept"),
    "analyzer": Weight(80, 20, "nothing can be planned"),
    "finisher": Weight(80, 20, "frames do not become files"),
    "cache": Weight(10, 5, "repeats are made anew"),
    "webhooks": Weight(5, 2, "receivers hear late"),
    "storyboards": Weight(10, 5, "storyboards stand still"),
}
"""By component, what is taken from 100; the score is not below 0."""

OTHERS: Final = Weight(10, 5, "a component without a row of its own")


@dataclass(frozen=True, slots=True)
class Loss:
    """Points that a component costs."""

    component: str
    points: int
    why: str


def score(statuses: Mapping[str, Status], unavailable: bool) -> tuple[int, list[Loss]]:
    """The score, and what was taken from 100 for it, the most first."""
    lost = sorted(_losses(statuses), key=lambda loss: (-loss.points, loss.component))
    left = max(0, BEST - sum(loss.points for loss in lost))
    return (min(left, UNAVAILABLE_MOST) if unavailable else left), lost


def _losses(statuses: Mapping[str, Status]) -> Sequence[Loss]:
    found = []
    for component, status in statuses.items():
        weight = RULE.get(component, OTHERS)
        points = {"ok": 0, "degraded": weight.degraded, "down": weight.down}[status]
        if points:
            found.append(Loss(component, points, weight.why))
    return found
