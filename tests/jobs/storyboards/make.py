"""Storyboards for tests."""

from __future__ import annotations

import uuid
from typing import Any

from app.types import Artifact, Webhook
from app.types.storyboard import Narration, Scene, SceneWish, SpokenWord, Storyboard, StoryPhase, StoryWish
from app.types.words import STORY_EVENTS

HOOK = Webhook("https://receiver.example/hook", STORY_EVENTS)
CLIP = Artifact("video_0123456789abcdef/1/video.mp4", "video/mp4", 10)
SPEECH = Narration(
    Artifact("speech_0123456789abcdef/1/speech.flac", "audio/flac", 5),
    1.25,
    (SpokenWord("球", 0.1, 0.6),),
    measured=True,
)
PICTURE = Artifact("inputs/0123/4567.png", "image/png", 3)


def a_story(created_at: float = 100.0, scenes: int = 2, webhook: Webhook | None = None, **changed: Any) -> Storyboard:
    """A storyboard with those fields."""
    wishes = tuple(SceneWish(f"a red ball, {number}") for number in range(1, scenes + 1))
    story = {
        "id": f"story_{uuid.uuid4().hex}",
        "tenant": "public",
        "wish": StoryWish(wishes, "The ball", webhook=webhook),
        "scenes": tuple(map(Scene, wishes)),
        "phase": StoryPhase.QUEUED,
        "created_at": created_at,
    }
    return Storyboard(**{**story, **changed})
