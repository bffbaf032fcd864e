"""A plan comes in; how many evaluations it runs, against the model's own full run, goes out: the one definition."""

from __future__ import annotations

from dataclasses import dataclass

from app.plan.prompt.complexity import CLASSES, FIXED_STEPS
from app.plan.tiers import TIERS, choose
from app.plan.work import runs
from app.types import ModelProfile, Plan


@dataclass(frozen=True, slots=True)
class Savings:
    """Evaluations of the denoiser: those that are run, and those of the full run, never fewer."""

    run: int
    full: int

    @property
    def saved(self) -> int:
        return self.full - self.run

    @property
    def share(self) -> float:
        """Saved of the full run, 0..1."""
        return self.saved / self.full


def full_run(model: ModelProfile, steps: int) -> int:
    """Evaluations of the model's own full run: all steps of its best tier, or those asked for, where they are more."""
    best = choose(tuple(TIERS)[-1], CLASSES[-1].name, model.tiers).steps
    return max(steps, min(best, model.most_steps or FIXED_STEPS))


def savings(plan: Plan) -> Savings:
    """What planning, forecasts, a similar start and a draft spare a job that is made; a repeat runs nothing at all."""
    run = runs(plan)
    return Savings(run, max(plan.full_run, run))
