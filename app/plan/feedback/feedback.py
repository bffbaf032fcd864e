"""What people thought of videos comes in, how a class's budget leans goes out; pure, so that its bounds can be proven.

A rating pulls by its score and reasons, p in -1 (spend less) .. 1 (spend more). At an age a it weighs w = 2^(-a / h),
h the half-life, and nothing after eight half-lives. Then

    a user's voice     weighs as much as its newest rating, and says the weighted mean of its ratings' p;
    a tenant's voices  weigh at most `tenant_cap` together (all are scaled down by one number);
    the lean           L = sum(weight x pull) / (prior + sum(weight)), in -1 .. 1;
    the factor         bound ^ L, in 1 / bound .. bound.

So a user counts at most once however much it rates, and a lone user reaches L = 1 / (prior + 1). Users are names that a
tenant makes up, so what cannot be forged is bounded too: a lone tenant reaches L = cap / (prior + cap), and coming or
going it moves L by at most 2 cap / (prior + cap) whatever the others say.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.plan.prompt.complexity import CLASSES
from app.plan.tiers import AUTO, AUTO_TIERS, tier_named
from app.settings import Settings
from app.types import Plan

Place = tuple[str, str, str]
"""Model, tier (or "auto", whose steps are its own), complexity class: what has a budget of its own."""

SCORES: Final = MappingProxyType[int, float]({1: 1.0, 2: 0.5, 3: 0.25, 4: 0.0, 5: -0.5})
"""Score -> pull: who is content wants no more, who is delighted may be content with less."""
REASONS: Final = MappingProxyType[str, float](
    {"too_rough": 0.5, "wrong_motion": 0.25, "off_prompt": 0.25, "too_slow": -0.5, "good_enough": -0.25}
)
"""Reason -> what it adds to the pull."""
HORIZON: Final = 8.0  # half-lives after which a rating is forgotten: it would weigh 1/256
PER_USER: Final = 4  # ratings of a user that are remembered in one place, the newest
PER_TENANT: Final = 64  # the same of a tenant


@dataclass(frozen=True, slots=True)
class Rating:
    """One opinion of one video; tenant and user are fingerprints, not names."""

    video_id: str
    tenant: str
    user: str
    place: Place
    score: int  # 1..5
    reasons: tuple[str, ...] = ()
    at: float = 0.0  # Unix seconds
    counted: bool = True  # False: the video's budget was the request's own, which says nothing of the class

    @property
    def pull(self) -> float:
        """-1 (spend less) .. 1 (spend more); never rises with the score."""
        return max(-1.0, min(1.0, SCORES[self.score] + sum(REASONS[reason] for reason in self.reasons)))


@dataclass(frozen=True, slots=True)
class Fading:
    """How much ratings may move, and for how long."""

    half_life_s: float = 14 * 86400.0
    prior: float = 4.0  # weight of the opinion that the budget is right
    tenant_cap: float = 4.0  # most weight of one tenant's users together
    bound: float = 1.25  # factors stay within 1 / bound .. bound

    @property
    def horizon_s(self) -> float:
        return HORIZON * self.half_life_s


def fading_of(settings: Settings) -> Fading:
    """As the service is set up."""
    return Fading(
        half_life_s=settings.feedback_half_life_s,
        prior=settings.feedback_prior,
        tenant_cap=settings.feedback_tenant_cap,
        bound=settings.feedback_bound,
    )


@dataclass(frozen=True, slots=True)
class Leaning:
    """What the ratings of one place come to; `weight` is what is left of them after fading and caps."""

    place: Place
    factor: float
    weight: float
    ratings: int
    users: int


def fingerprint(*names: str | None) -> str:
    """16 hex digits that stand for a tenant, or for a tenant's user."""
    return hashlib.blake2b(json.dumps(names).encode(), digest_size=8).hexdigest()


def place_of(plan: Plan) -> Place:
    """The place whose budget the plan was given."""
    classes = [row.name for row in CLASSES]
    auto = AUTO_TIERS[classes.index(plan.why.complexity)]
    by_auto = tier_named(plan.asked_tier) == AUTO and plan.tier == auto  # else it was degraded to another tier
    return plan.model, AUTO if by_auto else plan.tier, plan.why.complexity


def leaning_of(place: Place, ratings: Iterable[Rating], now: float, fading: Fading) -> Leaning:
    """All that is known about one place at a time; of several ratings of a video by one user the newest counts."""
    latest = {(each.tenant, each.user, each.video_id): each for each in sorted(ratings, key=lambda each: each.at)}
    users: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for rating in latest.values():
        age_s = max(0.0, now - rating.at)
        if rating.counted and age_s < fading.horizon_s:
            weight = 2.0 ** (-age_s / fading.half_life_s)
            users.setdefault((rating.tenant, rating.user), []).append((weight, rating.pull))
    voices: dict[str, list[tuple[float, float]]] = {}
    for (tenant, _), said in users.items():
        voices.setdefault(tenant, []).append((max(weight for weight, _ in said), _mean(said)))
    heard = [_capped(said, fading.tenant_cap) for said in voices.values()]
    weight = sum(weight for weight, _ in heard)
    lean = sum(weight * pull for weight, pull in heard) / (fading.prior + weight)
    return Leaning(place, fading.bound**lean, weight, sum(map(len, users.values())), len(users))


def _mean(said: Sequence[tuple[float, float]]) -> float:
    return sum(weight * pull for weight, pull in said) / sum(weight for weight, _ in said)


def _capped(said: Sequence[tuple[float, float]], cap: float) -> tuple[float, float]:
    """Voices as one, of at most that weight."""
    return min(cap, sum(weight for weight, _ in said)), _mean(said)


def remembered(ratings: Iterable[Rating], new: Rating, fading: Fading) -> tuple[Rating, ...]:
    """A tenant's ratings of one place after a new one, oldest first: it replaces its like, and the bounds hold."""
    kept: list[Rating] = []
    mine = 0
    others = (each for each in ratings if (each.user, each.video_id) != (new.user, new.video_id))
    for rating in sorted([*others, new], key=lambda each: each.at, reverse=True):
        mine += rating.user == new.user
        too_many = rating.user == new.user and mine > PER_USER
        if not too_many and rating.at > new.at - fading.horizon_s:
            kept.append(rating)
    return tuple(reversed(kept[:PER_TENANT]))


def leant(budget: int, steps: int, factor: float) -> int:
    """A budget moved by a factor: whole evaluations, at least one, at most `steps`."""
    return max(1, min(steps, math.floor(budget * factor + 0.5)))


def risen(budgets: Sequence[int], steps: Sequence[int], factors: Sequence[float]) -> tuple[int, ...]:
    """The budgets of a tier's classes, simple first, moved by their factors; a harder class never gets fewer.

    `steps` must not fall from class to class; then no budget exceeds its steps. Where the budgets do not fall either,
    no result leaves 1 / bound .. bound times its budget if the factors do not, but for the rounding.
    """
    found: list[int] = []
    for budget, most, factor in zip(budgets, steps, factors, strict=True):
        found.append(max([leant(budget, most, factor), *found[-1:]]))
    return tuple(found)


def factors_of(leanings: Mapping[Place, float], model: str, tier: str) -> tuple[float, ...]:
    """The factors of a tier's classes, simple first; 1 where nobody rated."""
    return tuple(leanings.get((model, tier, row.name), 1.0) for row in CLASSES)


def said_of(before: int, after: int) -> str | None:
    """The sentence for the plan's reasons; None when ratings changed nothing."""
    if before == after:
        return None
    verb = "raise" if after > before else "lower"
    return f"Ratings of such videos {verb} the budget from {before} to {after} evaluations."
