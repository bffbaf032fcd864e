"""Opens what expands prompts from Settings: the configured model with the rules behind it, or the rules alone."""

from __future__ import annotations

from app.engine.prompt_writer import TransformersWriter
from app.models.vocabularies import worlds
from app.plan.prompt.enhance import Enhancer, ModelEnhancer, RuleEnhancer
from app.plan.styles.styles import MOST_CHARS
from app.settings import Settings

STYLE_CHARS = MOST_CHARS["before"] + MOST_CHARS["after"] + 4  # a style's words must fit around what was added


def open_enhancer(settings: Settings) -> Enhancer:
    """Nothing is loaded until first use."""
    known = worlds()
    room = max(1, settings.max_prompt_chars - STYLE_CHARS)
    rules = RuleEnhancer(room, known)
    if settings.enhancer_model is None:
        return rules
    writer = TransformersWriter(
        settings.enhancer_model,
        tokens=settings.enhancer_tokens,
        timeout_s=settings.enhancer_timeout_s,
        local=settings.enhancer_local,
    )
    return ModelEnhancer(writer, rules, room, settings.enhancer_timeout_s, known)
