"""Opens what captions need from Settings: the fonts they are drawn with, and what writes them."""

from __future__ import annotations

from app.captions.faces import Faces
from app.captions.writer import CaptionWriter, ModelCaptions, PlainCaptions
from app.engine.prompt_writer import TransformersWriter
from app.settings import Settings

_TOKENS = 96  # what the longest caption takes, in any script


def open_caption_writer(settings: Settings) -> CaptionWriter:
    """The configured model with plain captions behind it, or these alone. Nothing is loaded until first use."""
    plain = PlainCaptions()
    if settings.caption_model is None:
        return plain
    writer = TransformersWriter(
        settings.caption_model,
        tokens=_TOKENS,
        timeout_s=settings.caption_timeout_s,
        local=settings.caption_model_local,
    )
    return ModelCaptions(writer, plain, settings.caption_timeout_s)


def open_faces(settings: Settings) -> Faces:
    """The operator's fonts with those of the package behind them."""
    return Faces(settings.caption_fonts)
