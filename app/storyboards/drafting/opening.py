"""Opens what drafts are made with from Settings: the configured language model, and the worlds of few words."""

from __future__ import annotations

from app.engine.prompt_writer import TransformersWriter
from app.models.vocabularies import worlds
from app.settings import Settings
from app.storyboards.drafting.options import DraftTools


def open_drafting(settings: Settings) -> DraftTools:
    """Nothing is loaded until first use."""
    writer = None
    if settings.storyboard_draft_model is not None:
        writer = TransformersWriter(
            settings.storyboard_draft_model,
            tokens=settings.storyboard_draft_tokens,
            timeout_s=settings.storyboard_draft_timeout_s,
            local=settings.storyboard_draft_local,
        )
    return DraftTools(
        writer=writer,
        timeout_s=settings.storyboard_draft_timeout_s,
        worlds=worlds(),
        most_prompt_chars=settings.max_prompt_chars,
        most_narration_chars=settings.storyboard_narration_chars,
        most_film_s=settings.storyboard_max_seconds,
    )
