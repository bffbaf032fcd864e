"""The settings of storyboards: what one may ask for, and how many a tenant may have under way."""

from __future__ import annotations

from pydantic import BaseModel

from app.settings.field import setting


class StoryboardLimits(BaseModel):
    """Films of several scenes"""

    storyboard_max_scenes: int = setting(
        60, "Storyboards with more scenes are refused", "scenes", since="0.3", ge=1, le=60
    )
    storyboard_narration_chars: int = setting(
        5000, "Longer narrations of one scene are refused", "characters", since="0.3", ge=1, le=50_000
    )
    storyboard_max_seconds: float = setting(
        1800.0, "Storyboards whose film would be longer are refused", "s", since="0.3", gt=0
    )
    storyboard_max_open: int = setting(
        20, "Storyboards that a tenant may have under way at once", "storyboards", since="0.3", ge=1
    )
    storyboard_draft_model: str | None = setting(
        None,
        "Folder or name of a transformers text-generation model that drafts storyboards",
        since="0.3",
        unset="rules do",
    )
    storyboard_draft_local: bool = setting(True, "Never download the drafting model", since="0.3")
    storyboard_draft_tokens: int = setting(
        1500, "Most that the drafting model writes", "tokens", since="0.3", ge=8, le=16_384
    )
    storyboard_draft_timeout_s: float = setting(
        30.0, "After this long the rules draft the storyboard instead", "s", since="0.3", gt=0, le=600
    )
