"""What a storyboard may ask for, as the types of `Kinoray.create_storyboard`; the server says what it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from typing_extensions import Required, TypedDict

from app.client.options import ImageUrl, Priority, Tier

Transition = Literal["cut", "crossfade", "fade"]
Fit = Literal["hold", "loop", "slow", "extend"]
Captions = Literal["off", "track", "burnt"]


class SceneOptions(TypedDict, total=False):
    """One scene (docs/api.md). None means the same as leaving it out: as the storyboard has it."""

    title: str | None
    prompt: Required[str]
    narration: str | None
    caption: str | None
    seconds: float | str | None
    image: str | ImageUrl | None
    style: str | None
    tier: Tier | str | None
    seed: int | float | str | None
    transition: Transition | None
    fit: Fit | None


class StoryWebhookOptions(TypedDict, total=False):
    """Who is to be told of the storyboard's end."""

    url: Required[str]
    events: Sequence[Literal["storyboard.completed", "storyboard.failed"]] | None


class StoryOptions(TypedDict, total=False):
    """The API's fields of a storyboard (docs/api.md). None means the same as leaving it out."""

    title: str | None
    model: str | None
    style: str | None
    tier: Tier | str | None
    negative_prompt: str | None
    seed: int | float | str | None
    size: str | None  # WIDTHxHEIGHT
    fps: int | None
    voice: str | None
    language: str | None  # BCP 47
    speed: float | None
    captions: Captions | None
    transition: Transition | None
    transition_seconds: float | None
    fit: Fit | None
    music_level: float | None
    deterministic: bool | None
    priority: Priority | None
    deadline_s: float | None
    webhook: StoryWebhookOptions | None
    user: str | None
    scenes: Required[Sequence[SceneOptions]]
