"""A plan comes in; how often its denoiser runs, and what that costs, goes out: the one place that says it."""

from __future__ import annotations

from app.plan.masks.mask import masks_of, walk_evaluations
from app.plan.speculative.speculative import behind, draft_walk
from app.types import Plan


def runs(plan: Plan) -> int:
    """Runs of the denoiser that are planned: those of the draft, if there is one, and those behind it."""
    return masks_of(behind(plan)).budget + (0 if plan.draft is None else plan.draft.sampling.budget)


def evaluations(plan: Plan) -> float:
    """The same in guided evaluations: a run without its unconditional pass is half of one.

    A model that never has that pass takes a whole one for each run.
    """
    return walk_evaluations(behind(plan)) + (0.0 if plan.draft is None else walk_evaluations(draft_walk(plan)))
