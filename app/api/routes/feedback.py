"""What people think of their videos: a rating comes in and is kept, and operators can have all of them forgotten."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

from app.api.auth import Reader, Writer
from app.api.dependencies import Service
from app.api.openapi import ERRORS, Examples, form_or_json
from app.api.problems import sentence
from app.api.requests.body import body_fields
from app.api.requests.fields import Fields, settled
from app.api.requests.strict import Strict
from app.errors import Conflict, InvalidRequest, NotFound
from app.jobs.record import check_id
from app.plan.feedback.feedback import Fading, Leaning, Rating, fading_of, fingerprint, place_of
from app.plan.feedback.ratings import Ratings, Scope
from app.plan.tiers import tier_named
from app.settings import Settings
from app.types import Phase

router = APIRouter(responses=ERRORS)
MOST_REASONS = 5

Reason = Literal["too_rough", "wrong_motion", "off_prompt", "too_slow", "good_enough"]
Class = Literal["simple", "moderate", "complex", "very_complex"]


class RateVideo(Strict):
    """What you think of a video."""

    score: int = Field(ge=1, le=5, description="1 (bad) to 5 (good)")
    reasons: list[Reason] | None = Field(None, max_length=MOST_REASONS, description="Why")


class Feedback(BaseModel):
    """A rating as it is kept."""

    id: str = Field(description="The video's")
    object: Literal["video.feedback"] = "video.feedback"
    score: int
    reasons: list[str]
    created_at: int
    model: str
    tier: str = Field(description="The tier whose budget it moves; auto has budgets of its own")
    complexity: str
    counted: bool = Field(description="False: the request chose the steps itself, which says nothing of the class")


class FeedbackClass(BaseModel):
    """What the ratings of one class of prompts come to."""

    model: str
    tier: str
    complexity: str
    factor: float = Field(description="What budgets of this class are multiplied with")
    weight: float
    ratings: int
    users: int


class FeedbackFigures(BaseModel):
    """How far ratings move budgets."""

    half_life_s: float
    least_factor: float
    most_factor: float
    classes: list[FeedbackClass]


class Reset(BaseModel):
    """What was forgotten."""

    object: Literal["feedback.reset"] = "feedback.reset"
    scope: Literal["all", "own"] = Field(description="own: of your tenant alone, as your key lacks the scope operate")
    removed: int


_EXAMPLES: Examples = {
    "rough": {"summary": "More steps would have helped", "value": {"score": 2, "reasons": ["too_rough"]}},
    "enough": {"summary": "Fewer would have done", "value": {"score": 5, "reasons": ["good_enough"]}},
}


@router.post(
    "/v1/videos/{video_id}/feedback",
    summary="Rate a video",
    tags=["videos"],
    openapi_extra=form_or_json(RateVideo, _EXAMPLES),
)
async def rate(video_id: str, request: Request, service: Service, caller: Writer) -> Feedback:
    """Ratings move the budget of such videos within bounds, and fade. Rating again replaces what you said."""
    job_id = check_id(video_id)
    asked = _asked(await body_fields(request))
    job = await service.get(job_id, caller)
    if job.phase is not Phase.COMPLETED:
        raise Conflict(f"{job_id} is {job.status}; only what is completed can be rated.", code="video_not_completed")
    rating = Rating(
        video_id=job_id,
        tenant=fingerprint(job.tenant),
        user=fingerprint(job.tenant, job.wishes.user),  # the one it was made for
        place=place_of(job.plan),
        score=asked.score,
        reasons=tuple(sorted(set(asked.reasons or ()))),
        at=time.time(),
        counted=job.plan.by_planner,
    )
    await service.ports.ratings.add(rating)
    await service.ports.jobs.mark(job_id, job.tenant, rating=asked.score)
    return _told(rating)


@router.get("/v1/videos/{video_id}/feedback", summary="What you said of a video", tags=["videos"])
async def rated(video_id: str, service: Service, caller: Reader) -> Feedback:
    """The rating that was given last."""
    job = await service.get(check_id(video_id), caller)
    rating = await service.ports.ratings.rated(job.id)
    if rating is None or rating.tenant != fingerprint(job.tenant):
        raise NotFound(f"{job.id} has not been rated.", code="feedback_not_found")
    return _told(rating)


@router.delete("/api/optimization/feedback", summary="Forget ratings", tags=["operate"])
async def reset(
    service: Service,
    caller: Writer,
    model: Annotated[str | None, Query(max_length=200)] = None,
    tier: Annotated[str | None, Query(max_length=40, description="auto is a row of its own")] = None,
    complexity: Annotated[Class | None, Query()] = None,
) -> Reset:
    """Budgets are again as the planner has them: all, or those of a model, a tier or a class.

    With the scope `operate` everyone's ratings go, without it those of your tenant.
    """
    everyone = caller.is_operator
    row = None if tier is None else tier_named(tier)
    scope = Scope(model, row, complexity, None if everyone else fingerprint(caller.tenant))
    return Reset(scope="all" if everyone else "own", removed=await service.ports.ratings.reset(scope))


async def feedback_figures(ratings: Ratings, settings: Settings) -> FeedbackFigures:
    """The part of /api/stats: what the ratings of each place come to. Raises StoreUnavailable."""
    fading: Fading = fading_of(settings)
    return FeedbackFigures(
        half_life_s=fading.half_life_s,
        least_factor=round(1.0 / fading.bound, 4),
        most_factor=fading.bound,
        classes=[_row(each) for each in await ratings.table()],
    )


def _row(leaning: Leaning) -> FeedbackClass:
    model, tier, complexity = leaning.place
    return FeedbackClass(
        model=model,
        tier=tier,
        complexity=complexity,
        factor=round(leaning.factor, 4),
        weight=round(leaning.weight, 4),
        ratings=leaning.ratings,
        users=leaning.users,
    )


def _asked(fields: Fields) -> RateVideo:
    """The rating in those fields. Raises InvalidRequest."""
    values = dict(settled(fields, RateVideo.model_fields, {}).values)
    if fields.text:
        values = {name: _typed(name, value) for name, value in values.items()}
    try:
        return RateVideo.model_validate(values)
    except ValidationError as error:
        message, name = sentence(error.errors(include_url=False, include_input=False)[0])
        raise InvalidRequest(message, name) from error


def _typed(name: str, value: object) -> object:
    """A form's text as what the field takes; what does not fit stays text and is refused for it."""
    if name == "score" and isinstance(value, str) and value.strip() in ("1", "2", "3", "4", "5"):
        return int(value)
    if name == "reasons" and isinstance(value, str):
        return [each.strip() for each in value.split(",") if each.strip()]
    return value


def _told(rating: Rating) -> Feedback:
    model, tier, complexity = rating.place
    return Feedback(
        id=rating.video_id,
        score=rating.score,
        reasons=list(rating.reasons),
        created_at=int(rating.at),
        model=model,
        tier=tier,
        complexity=complexity,
        counted=rating.counted,
    )
