"""The event feed of a storyboard: what the service tells of it comes in, the events of a stream go out as JSON."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final, Literal, cast

from pydantic import BaseModel, Field

from app.api.event_feed import FeedEvent, event_id
from app.api.storyboard_answers import error_of, scene_object, storyboard_object
from app.api.storyboard_schemas import Storyboard, StoryboardError, StoryboardScene
from app.settings import Settings
from app.storyboards.storyboards import Storyboards
from app.storyboards.views import StoryEvent, StoryView
from app.types import Caller


class SnapshotEvent(Storyboard):
    """The whole storyboard."""

    at: float


class SceneEvent(BaseModel):
    """A scene has changed, and with it how far the whole is."""

    scene: StoryboardScene = Field(description="The scene as it stands")
    progress: int = Field(description="Of the whole, percent; 100 only when completed")
    eta_seconds: float | None = Field(description="Seconds until all is done; null while not known")
    at: float


class StoryEventBody(BaseModel):
    """The storyboard itself has changed."""

    status: str = Field(description="queued, in_progress, completed or failed")
    phase: str = Field(description="queued, making, assembling, completed or failed")
    revision: int = Field(description="Counts up with each change")
    progress: int = Field(description="Percent; 100 only when completed")
    eta_seconds: float | None = Field(description="Seconds until it is done; null while not known")
    at: float


class StoryEndEvent(BaseModel):
    """All is over, and the last event, unless the storyboard is changed."""

    status: Literal["completed", "failed", "deleted"]
    error: StoryboardError | None = Field(description="Why it failed; null of what did not")
    url: str | None = Field(description="Where the film is")
    at: float


STORY_EVENTS: Final[dict[str, type[BaseModel]]] = {
    "snapshot": SnapshotEvent,
    "scene": SceneEvent,
    "story": StoryEventBody,
    "end": StoryEndEvent,
}
"""By the name of the event."""


async def story_feed(
    boards: Storyboards, settings: Settings, base: str, story_id: str, caller: Caller, after: str | None
) -> AsyncGenerator[FeedEvent, None]:
    """The feed behind the event `after`; without one, or where some of that is lost, the whole comes first.

    Raises StoryboardNotFound at once. `base` is the address before `/v1` under which the client reaches the service.
    """
    await boards.get(story_id, caller)
    return _feed(boards, settings, base, story_id, caller, event_id(after))


async def _feed(
    boards: Storyboards, settings: Settings, base: str, story_id: str, caller: Caller, after: str | None
) -> AsyncGenerator[FeedEvent, None]:
    events = cast(AsyncGenerator[StoryEvent, None], boards.follow(story_id, caller, after))
    async with aclosing(events):
        async for event in events:
            yield FeedEvent(event.kind, event_data(event, settings, base), event.id)


def event_data(event: StoryEvent, settings: Settings, base: str) -> Mapping[str, object]:
    """What an event says, as the schemas above have it."""
    return _body(event, settings, base).model_dump(mode="json")


def _body(event: StoryEvent, settings: Settings, base: str) -> BaseModel:
    view = event.view
    if view is None:
        return StoryEndEvent(status="deleted", error=None, url=None, at=event.at)
    if event.kind == "snapshot":
        return SnapshotEvent(**_whole(view, settings, base).model_dump(), at=event.at)
    if event.kind == "end":
        whole = _whole(view, settings, base)
        completed = whole.status == "completed"
        return StoryEndEvent(
            status="completed" if completed else "failed", error=error_of(view.story), url=whole.url, at=event.at
        )
    eta_s = None if view.eta_s is None else round(view.eta_s, 3)
    if event.kind == "scene" and event.number is not None:
        at = event.number - 1
        scene = scene_object(view.story.scenes[at], view.scenes[at])
        return SceneEvent(scene=scene, progress=view.progress, eta_seconds=eta_s, at=event.at)
    story = view.story
    return StoryEventBody(
        status=story.status.value,
        phase=story.phase.value,
        revision=story.revision,
        progress=view.progress,
        eta_seconds=eta_s,
        at=event.at,
    )


def _whole(view: StoryView, settings: Settings, base: str) -> Storyboard:
    return storyboard_object(view, settings, base, time.time())
