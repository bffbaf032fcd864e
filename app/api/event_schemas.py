"""What the events of a video's story look like, for the document: server-sent events and a WebSocket's messages."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, Field

from app.api.responses import QUEUE_REASON, Video, VideoError


class PhaseEvent(BaseModel):
    """It has come to a phase."""

    phase: str
    attempts: int = Field(0, description="Tries so far, where a replica was lost")
    at: float


class StepEvent(BaseModel):
    """A step is done."""

    step: int
    total_steps: int
    eta_s: float | None = Field(description="Seconds until it is done; null while not known")
    at: float


class QueueEvent(BaseModel):
    """Its place in the line has changed."""

    position: int | None = Field(description="Jobs ahead of it")
    eta_s: float | None = Field(description="Seconds until it is done; null while not known")
    reason: str | None = Field(None, description=QUEUE_REASON)
    at: float


class PriorityEvent(BaseModel):
    """It has another priority."""

    priority: str = Field(description="low, normal or high")
    at: float


class PreviewEvent(BaseModel):
    """The unfinished video as a small picture."""

    step: int
    total_steps: int
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")
    image: str = Field(description="A data URL, image/webp")
    at: float


class DraftEvent(BaseModel):
    """There is a draft to play, while the video itself is made."""

    variant: Literal["draft"] = Field(description="Of the video's content")
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")
    frames: int
    fps: int
    seconds: float = Field(description="Playing time")
    steps: int = Field(description="Evaluations that it took")
    size_bytes: int
    after_s: float = Field(description="Seconds from the job's acceptance until it could be played")
    at: float


class RefineEvent(BaseModel):
    """What became of the draft."""

    verdict: str = Field(description="kept, rejected, uncalibrated (shown, not gone on from) or failed")
    from_step: int = Field(description="The first step of the plan that is walked; 0: from noise")
    total_steps: int
    noise_level: float = Field(description="To which the draft was noised, 0 to 1; 1: the plan begins at noise")
    steps_saved: int = Field(description="Evaluations of the plan that it spares, before its own are counted")
    residual: float | None = Field(
        description="How far the model guesses from it, or the share not seen in it; null: nobody looked"
    )
    most_residual: float | None = Field(description="How far it may be")
    at: float


class EndEvent(BaseModel):
    """All is over, and the last event."""

    status: Literal["completed", "failed", "deleted"]
    error: VideoError | None = None
    at: float


class ReadyEvent(BaseModel):
    """The stream of all videos begins."""

    whole: bool = Field(description="Whether it goes on just behind the event that was named; else look at the list")
    at: float


class StoryboardNews(BaseModel):
    """A storyboard has changed: see it, or follow it."""

    storyboard_id: str = Field(description="The storyboard's id")
    phase: str = Field(description="queued, making, assembling, completed, failed or deleted")
    at: float


EVENTS: Final[dict[str, type[BaseModel]]] = {
    "snapshot": Video,
    "phase": PhaseEvent,
    "step": StepEvent,
    "queue": QueueEvent,
    "preview": PreviewEvent,
    "draft": DraftEvent,
    "refine": RefineEvent,
    "end": EndEvent,
    "ready": ReadyEvent,  # of all videos alone, whose other events each have a `video_id`
    "priority": PriorityEvent,  # the same
    "storyboard": StoryboardNews,  # the same
}
"""By the name of the event."""
