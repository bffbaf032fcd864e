"""What a storyboard looks like on the wire, as pydantic models: the object, its scenes, what it took, lists of them."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, Field

from app.api.plan_schemas import VideoWarning
from app.api.responses import VideoError, VideoWebhook

_ETA: Final = "Seconds until it is done; 0.0 once it has ended, null while not known"


class SceneInput(BaseModel):
    """A picture of a scene, and what it is for."""

    role: str = Field(description="first, last or reference")
    frame: int | None = Field(description="At which it stands; null: where its role says")
    strength: float | None = Field(description="How strongly it holds; null: fully, or as the role has it")


class StoryboardScene(BaseModel):
    """One scene: what is asked, and what has become of it."""

    number: int = Field(description="From 1, in the order of the film")
    title: str | None = Field(description="Of its chapter; null of none")
    prompt: str = Field(description="What it is to show, as asked")
    seconds: float | None = Field(description="Playing time as asked, seconds; null: as long as its narration, or its")
    narration: str | None = Field(description="What is said; null of none")
    caption: str | None = Field(description="What is shown as text; null: the narration, or else the prompt")
    has_image: bool = Field(description="Whether it begins with a picture")
    inputs: list[SceneInput] = Field(description="Its pictures, in their order")
    style: str | None = Field(description="Its own style's id; null: the storyboard's")
    tier: str | None = Field(description="Its own tier; null: the storyboard's")
    seed: int | None = Field(description="As asked; null: it follows from the storyboard's, or the prompt")
    transition: str | None = Field(description="How it begins: cut, crossfade or fade; null: as the storyboard has it")
    fit: str | None = Field(description="hold, loop, slow or extend; null: as the storyboard has it")
    status: str = Field(description="queued, in_progress, completed or failed")
    stage: str = Field(
        description="waiting, speaking, queued, encoding, denoising, decoding, postprocessing, made or failed"
    )
    step: int = Field(description="Steps that are done, of all its clips")
    steps: int = Field(description="Steps of all its clips; 0 before that is known")
    progress: int = Field(description="Percent; 100 only when made")
    eta_seconds: float | None = Field(description=_ETA)
    video_id: str | None = Field(description="The video that is its clip, or that goes on from it; null before")
    video_ids: list[str] = Field(description="All videos that it is made of, in order")
    revision: int = Field(description="Counts up with each change of this scene")
    cached: bool = Field(description="Its clip was there already, from a cache or from before a change elsewhere")
    duration_seconds: float | None = Field(description="Of it in the film, seconds; null while not known")
    starts_at_seconds: float | None = Field(description="Where it begins in the film, seconds; null while not known")
    narration_seconds: float | None = Field(description="Of its narration, seconds; null before, or without one")
    narration_cached: bool = Field(description="Its narration was there already")
    device_seconds: float = Field(description="Time of the device, seconds; 0.0 of what was not made for it")
    cost: float = Field(description="Money; 0.0 of what was not made, or where no price per device hour is set")
    estimated_device_seconds: float = Field(description="As predicted, seconds; 0.0 before that is known")
    estimated_cost: float = Field(description="Money, as predicted; 0.0 where no price per device hour is set")
    error: VideoError | None = Field(description="Why it could not be made; null of what did not fail")
    warnings: list[VideoWarning] = Field(description="What is not as asked; empty: all is")


class StoryboardError(BaseModel):
    """Why a storyboard failed."""

    code: str
    message: str
    scene: int | None = Field(description="Number of the scene that could not be made; null where it was none")


class StoryboardUsage(BaseModel):
    """What it took, and what was spared."""

    device_seconds: float
    cost: float = Field(description="Money; 0.0 where no price per device hour is set")
    generations: int = Field(description="Videos that were made anew for what stands in it now")
    scenes_cached: int = Field(description="Scenes whose clips were there already")
    saved_step_seconds: float
    narrations_cached: int = Field(description="Narrations that were there already")
    assembly_seconds: float = Field(description="Putting the film together, seconds; 0.0 of what was not")


class Storyboard(BaseModel):
    """A film of several scenes."""

    id: str
    object: Literal["storyboard"] = "storyboard"
    status: str = Field(description="queued, in_progress, completed or failed")
    phase: str = Field(description="queued, making, assembling, completed or failed")
    title: str = Field(description="Of the film; empty of none")
    created_at: int
    started_at: int | None
    completed_at: int | None
    expires_at: int | None
    revision: int = Field(description="Counts up with each change; a change may name the one that it is made of")
    progress: int = Field(description="Percent; 100 only when completed")
    eta_seconds: float | None = Field(description=_ETA)
    model: str | None = Field(description="The model's id as asked; null: the server's default")
    size: str | None = Field(description="WIDTHxHEIGHT in pixels; null while not known")
    fps: int | None = Field(description="Frames per second of the film; null while not known")
    seconds: str = Field(description="Playing time of the film, seconds; 0 while not known")
    priority: str = Field(description="low, normal or high")
    deadline_at: float | None = Field(description="Unix seconds after which it is given up; null: never")
    user: str | None
    style: str | None = Field(description="A style's id, of scenes that say none; null of none")
    tier: str = Field(description="auto, preview, standard, premium or ultra, of scenes that say none")
    negative_prompt: str
    seed: int | None = Field(description="As asked; null: seeds follow from the prompts")
    voice: str | None = Field(description="Who speaks; null: the voice's own for the language")
    language: str = Field(description="BCP 47")
    speed: float = Field(description="Of speech, 0.5 to 2.0")
    captions: str = Field(description="off, track or burnt")
    transition: str = Field(description="cut, crossfade or fade, of scenes that say none")
    transition_seconds: float = Field(description="How long crossfades and fades last, seconds")
    fit: str = Field(description="hold, loop, slow or extend, of scenes that say none")
    music_level: float = Field(description="Of music, 0 (none) to 1")
    deterministic: bool
    scenes: list[StoryboardScene] = Field(description="In the order of the film")
    usage: StoryboardUsage = Field(description="What it took, and what was spared")
    cached: bool = Field(description="The whole film was there already")
    url: str | None = Field(description="Where the film is, once completed")
    error: StoryboardError | None
    webhook: VideoWebhook | None
    warnings: list[VideoWarning] = Field(description="What is not as asked in any of its scenes; empty: all is")


class StoryboardList(BaseModel):
    """A page of storyboards; `last_id` is the `after` of the next."""

    object: Literal["list"] = "list"
    data: list[Storyboard]
    first_id: str | None
    last_id: str | None
    has_more: bool


class StoryboardDeleted(BaseModel):
    """What is said of a deleted storyboard."""

    id: str
    object: Literal["storyboard.deleted"] = "storyboard.deleted"
    deleted: Literal[True] = True
