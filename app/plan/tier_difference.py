"""A tier that was asked for comes in; whether anybody sees a difference to a lower one goes out, as far as is known."""

from __future__ import annotations

from collections.abc import Iterator

from app.plan.budgets import BudgetTable, budget_for
from app.plan.prompt.complexity import FIXED_STEPS, spoken
from app.plan.tiers import AUTO, TIERS, Choice, choose, tier_named
from app.types import ModelProfile, PlanWarning, TierOfModel, VideoRequest

SEEN = 1.0  # points out of 100: a smaller difference is not seen, and within what measuring varies by


def same_as_lower(
    request: VideoRequest, model: ModelProfile, choice: Choice, complexity: str, table: BudgetTable | None
) -> Iterator[PlanWarning]:
    """A warning where a lower tier would give the same to see; none where `auto`, steps or a budget are asked for.

    `table` is the model's, None also where the prompt is outside what was measured.
    """
    if tier_named(request.tier) == AUTO or request.steps is not None or request.budget is not None:
        return
    names = tuple(TIERS)
    for lower in names[: names.index(choice.tier)]:
        other = choose(lower, complexity, model.tiers)
        if _alike(model, choice, other):
            told = f"{model.id} makes the same in the tiers {lower} and {choice.tier}: {choice.steps} steps."
        elif (points := _points(model, choice, other, complexity, table)) is not None:
            told = (
                f"Measured: for {spoken(complexity)} prompts one sees no difference between {choice.tier} and {lower} "
                f"of {model.id}, {points[0]:.1f} and {points[1]:.1f} points of 100."
            )
        else:
            continue
        yield PlanWarning("same_as_lower_tier", told, "tier")
        return


def _alike(model: ModelProfile, one: Choice, other: Choice) -> bool:
    """Whether the tiers ask for the same."""
    rows = {each.tier: each for each in model.tiers}
    mine, its = (rows.get(each.tier, TierOfModel(each.tier)) for each in (one, other))
    gains = model.guided_by == "nothing" or one.guidance_gain == other.guidance_gain
    return one.steps == other.steps and gains and mine.asks == its.asks


def _points(
    model: ModelProfile, one: Choice, other: Choice, complexity: str, table: BudgetTable | None
) -> tuple[float, float] | None:
    """The quality of both, if both are known and no difference is seen."""
    mine, its = (_quality(model, each, complexity, table) for each in (one, other))
    return (mine, its) if mine is not None and its is not None and mine - its < SEEN else None


def _quality(model: ModelProfile, choice: Choice, complexity: str, table: BudgetTable | None) -> float | None:
    row = budget_for(table, model.revision, choice.row, complexity, choice.steps)
    if row is not None:
        return row.quality
    known = table.rows if table is not None and table.revision == model.revision else ()
    full = next((each.full_quality for each in known if each.complexity == complexity), None)
    return full if choice.steps == FIXED_STEPS else None
