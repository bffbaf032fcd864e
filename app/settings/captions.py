"""The settings of captions: the fonts they are drawn with, and a model that writes them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from app.settings.field import setting


class Captions(BaseModel):
    """Captions of storyboards"""

    caption_fonts: Path | None = setting(
        None,
        "Font file, or folder of fonts (ttf, otf, ttc, woff), that burnt-in captions are drawn with; what these have "
        "no letter for is drawn with those that Kinoray brings",
        unset="those that Kinoray brings",
        since="0.3",
    )
    caption_model: str | None = setting(
        None,
        "Folder or name of a transformers text-generation model that writes the captions of scenes that come without",
        unset="the narration, else the prompt",
        since="0.3",
    )
    caption_model_local: bool = setting(True, "Never download the caption model", since="0.3")
    caption_timeout_s: float = setting(
        20.0, "After this long the narration or the prompt is the caption", "s", since="0.3", gt=0, le=120
    )
