"""What is told of a storyboard that nobody makes yet: a plan of the whole, or a draft of one, goes out as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from app.api.plan_schemas import VideoWarning
from app.api.storyboard_answers import warnings_of
from app.storyboards.drafting.options import Draft
from app.storyboards.views import ScenePlan, StoryPlan
from app.types.storyboard import SceneWish


class PlannedScene(BaseModel):
    """What one scene would be and take."""

    number: int = Field(description="From 1, in the order of the film")
    prompt: str
    tier: str
    steps: int = Field(description="Of the noise schedule, of all its clips")
    budget: int
    seed: int
    clips: int = Field(description="1, and those that go on from it where `fit` is extend")
    seconds: float = Field(description="Playing time in the film, seconds")
    narration_seconds: float | None = Field(description="As estimated, or as spoken before; null of none")
    starts_at_seconds: float = Field(description="Where it begins in the film, seconds")
    estimated_device_seconds: float
    estimated_cost: float = Field(description="Money; 0.0 where no price per device hour is set")
    warnings: list[VideoWarning] = Field(description="What would not be as asked")


class PlannedStoryboard(BaseModel):
    """What a storyboard would be and take now, by scene and in sum."""

    object: Literal["storyboard.plan"] = "storyboard.plan"
    model: str
    size: str
    fps: int
    seconds: float = Field(description="Playing time of the film, seconds")
    steps: int = Field(description="Of the noise schedules of all scenes")
    estimated_device_seconds: float
    estimated_cost: float = Field(description="Money; 0.0 where no price per device hour is set")
    scenes: list[PlannedScene] = Field(description="In the order of the film")
    warnings: list[VideoWarning] = Field(description="What would not be as asked, of scenes too")


class DraftedScene(BaseModel):
    """A scene as it may be sent."""

    prompt: str = Field(description="What it is to show")
    title: str | None = Field(description="Of its chapter")
    seconds: float | None = Field(description="Playing time, seconds; null: as long as its narration")
    narration: str | None = Field(description="What is said")
    caption: str | None = Field(description="What is shown as text; null: the narration, or else the prompt")


class DraftedStoryboard(BaseModel):
    """The body of a `POST /v1/storyboards`, to be looked at and changed before."""

    title: str | None = Field(description="Of the film")
    model: str | None = Field(description="The model's id; null: the server's default")
    style: str | None = Field(description="A style's id")
    tier: str
    language: str = Field(description="BCP 47")
    speed: float = Field(description="Of speech, 0.5 to 2.0")
    scenes: list[DraftedScene] = Field(description="In the order of the film")


class StoryboardDraft(BaseModel):
    """A text as scenes; nothing was made or kept."""

    object: Literal["storyboard.draft"] = "storyboard.draft"
    storyboard: DraftedStoryboard
    by: Literal["rules", "model"] = Field(description="What drew it up: rules, or the server's language model")
    notes: list[str] = Field(description="Sentences about what was left out, or could not be had")
    warnings: list[VideoWarning] = Field(description="What of its scenes is beyond the model")


def planned_storyboard(plan: StoryPlan) -> PlannedStoryboard:
    """The plan of the whole."""
    return PlannedStoryboard(
        model=plan.model,
        size=f"{plan.width}x{plan.height}",
        fps=plan.fps,
        seconds=round(plan.seconds, 3),
        steps=plan.steps,
        estimated_device_seconds=round(plan.device_seconds, 4),
        estimated_cost=round(plan.cost or 0.0, 6),
        scenes=[_planned(each) for each in plan.scenes],
        warnings=warnings_of(plan.warnings),
    )


def drafted_storyboard(draft: Draft) -> StoryboardDraft:
    """A draft, its storyboard as it may be sent."""
    wish = draft.wish
    return StoryboardDraft(
        storyboard=DraftedStoryboard(
            title=wish.title or None,
            model=wish.model,
            style=wish.style,
            tier=wish.tier,
            language=wish.narrator.language,
            speed=wish.narrator.speed,
            scenes=[_drafted(each) for each in wish.scenes],
        ),
        by=draft.by,
        notes=list(draft.notes),
        warnings=warnings_of(draft.warnings),
    )


def _planned(scene: ScenePlan) -> PlannedScene:
    return PlannedScene(
        number=scene.number,
        prompt=scene.plan.prompt,
        tier=scene.plan.tier,
        steps=scene.steps,
        budget=scene.plan.sampling.budget,
        seed=scene.plan.sampling.seed,
        clips=scene.clips,
        seconds=round(scene.seconds, 3),
        narration_seconds=None if scene.narration_s is None else round(scene.narration_s, 3),
        starts_at_seconds=round(scene.starts_at_s, 3),
        estimated_device_seconds=round(scene.device_seconds, 4),
        estimated_cost=round(scene.cost or 0.0, 6),
        warnings=warnings_of(scene.warnings),
    )


def _drafted(scene: SceneWish) -> DraftedScene:
    return DraftedScene(
        prompt=scene.prompt,
        title=scene.title,
        seconds=scene.seconds,
        narration=scene.narration,
        caption=scene.caption,
    )
