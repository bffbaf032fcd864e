"""Pictures for models of a small world: what of one the model was never shown, said before it is used."""

from __future__ import annotations

from app.embedded.pictures import about
from app.embedded.profile import MODEL_ID
from app.types import Plan, PlanWarning
from app.video.picture import PARAM, fitted

CODE = "picture_out_of_world"


def is_judged(plan: Plan) -> bool:
    """Whether the plan's model takes pictures of its own world only."""
    return plan.model == MODEL_ID


def about_picture(plan: Plan, png: bytes) -> tuple[PlanWarning, ...]:
    """Warnings of a cleaned picture that such a plan is to begin with, as the model will see it.

    Raises InvalidRequest: the bytes are no PNG.
    """
    told = about(fitted(png, plan.spec.width, plan.spec.height)[0])
    if not told:
        return ()
    message = f"{plan.model} draws coloured shapes on plain grounds. The picture {told}: what becomes of it is chance."
    return (PlanWarning(CODE, message, PARAM),)
