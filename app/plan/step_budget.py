"""A request, its class and the steps of its tier come in, how many of the steps run the denoiser goes out, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.errors import InvalidRequest
from app.plan.budgets import Budget, BudgetTable, budget_for
from app.plan.feedback.feedback import Place, factors_of, risen, said_of
from app.plan.masks.table import MaskTable
from app.plan.prompt.complexity import CLASSES, spoken
from app.plan.tiers import MOST_STEPS, Choice, choose
from app.types import ModelProfile, VideoRequest


@dataclass(frozen=True, slots=True)
class StepBudget:
    """Steps, the budget of them, who decided, whether by a measured table, and sentences for people."""

    steps: int
    budget: int
    by_planner: bool = False
    calibrated: bool = False
    reasons: tuple[str, ...] = ()


def unmeasured(work: StepBudget) -> StepBudget:
    """The same for a video unlike those that were measured: it is given their budget, and promised nothing of it."""
    if not work.calibrated:
        return work
    told = (
        f"A budget of {work.budget} evaluations in {work.steps} steps, as for videos that were measured; "
        "what it loses with this one is not known."
    )
    return replace(work, calibrated=False, reasons=(told, *work.reasons[1:]))


def step_budget(
    request: VideoRequest,
    model: ModelProfile,
    complexity: str,
    choice: Choice,
    table: BudgetTable | None,
    leanings: Mapping[Place, float],
    masks: MaskTable | None = None,
) -> StepBudget:
    """What the request says itself; else the measured row of its class and tier, or all steps, moved by ratings.

    `table` is the model's, if it was measured, and so are `masks`: a budget without a good one is refused where the
    request names it, and else raised to the next.

    Raises:
        InvalidRequest: steps or budget are out of bounds, or no good masks are known for them.
    """
    steps = _steps(request, model, choice)
    if request.budget is not None:
        if not 1 <= request.budget <= steps:
            raise InvalidRequest(f"budget must be 1 to the number of steps, {steps}.", param="budget")
        _check_measured(steps, request.budget, request.sampler or model.samplers[0], masks)
        said = f"The request asks for a budget of {request.budget} of them; the others are forecast."
        return StepBudget(steps, request.budget, reasons=(said,))
    if request.steps is not None:
        said = f"The request asks for {steps} steps, which comes before the tier's {choice.steps}."
        return StepBudget(steps, steps, reasons=(said,))
    row = budget_for(table, model.revision, choice.row, complexity, steps)
    before = row.budget if row else steps
    budget = _moved(request.tier, model, complexity, before, table, leanings)
    reasons = [_measured(row)] if row else []
    if (leant := said_of(before, budget)) is not None:
        reasons.append(leant)
    fit = budget if masks is None else masks.raised(steps, budget, request.sampler or model.samplers[0])
    if fit != budget:
        reasons.append(f"{budget} evaluations have no good masks in {steps} steps, {fit} have.")
        budget = fit
    return StepBudget(steps, budget, True, row is not None, tuple(reasons))


def _check_measured(steps: int, budget: int, sampler: str, masks: MaskTable | None) -> None:
    """Refuse a budget for which the search found no good masks. Raises InvalidRequest."""
    if masks is None or masks.good(steps, budget, sampler):
        return
    near_steps, near = masks.good_near(steps, budget, sampler)
    message = (
        f"{budget} evaluations in {steps} steps of {sampler} are not known to make a good video: no measured masks. "
        f"The nearest that are: a budget of {near} in {near_steps} steps."
    )
    raise InvalidRequest(message, param="budget", code="budget_not_measured")


def _steps(request: VideoRequest, model: ModelProfile, choice: Choice) -> int:
    most = model.most_steps or MOST_STEPS
    if request.steps is None:
        return min(choice.steps, most)
    if not 1 <= request.steps <= most:
        raise InvalidRequest(f"steps must be 1 to {most}.", param="steps")
    return request.steps


def _measured(row: Budget) -> str:
    lost = max(0.0, row.full_quality - row.quality)
    return (
        f"Measured: for {spoken(row.complexity)} prompts {row.budget} evaluations in {row.steps} steps lose {lost:.1f} "
        f"points of {row.full_quality:.1f} against the full run."
    )


def _moved(
    tier: str,
    model: ModelProfile,
    complexity: str,
    before: int,
    table: BudgetTable | None,
    leanings: Mapping[Place, float],
) -> int:
    """The budget as ratings lean; all classes of the tier are looked at, so that a harder one never gets less."""
    choices = [choose(tier, row.name, model.tiers) for row in CLASSES]
    factors = factors_of(leanings, model.id, choices[0].row)
    if all(factor == 1.0 for factor in factors):
        return before
    rows = [
        budget_for(table, model.revision, each.row, row.name, each.steps)
        for each, row in zip(choices, CLASSES, strict=True)
    ]
    budgets = [row.budget if row else each.steps for row, each in zip(rows, choices, strict=True)]
    moved = risen(budgets, [each.steps for each in choices], factors)
    return moved[[row.name for row in CLASSES].index(complexity)]
