"""The worlds of models with few words: the built-in model's vocabulary, as the rules for prompts read it."""

from __future__ import annotations

from collections.abc import Mapping

from app.embedded.profile import MODEL_ID, known_to
from app.embedded.reading import world_of
from app.plan.prompt.understand import Reader
from app.plan.prompt.worlds import World


def worlds() -> Mapping[str, World]:
    """World by model id, as far as the installed weights know it; every other model draws anything."""
    return {MODEL_ID: world_of(known_to())}


def readers() -> Mapping[str, Reader]:
    """Who says what a model of few words understands, by model id."""
    return {model: Reader(world, model) for model, world in worlds().items()}
