"""The worlds of models with few words: the built-in model's vocabulary, as the rules for prompts read it."""

from __future__ import annotations

from collections.abc import Mapping

from app.embedded.profile import MODEL_ID
from app.embedded.world import vocabulary
from app.embedded.world.rephrase import rephrased
from app.plan.prompt.understand import Reader
from app.plan.prompt.worlds import World


def worlds() -> Mapping[str, World]:
    """World by model id; every other model draws anything."""
    shapes = World(
        colours=vocabulary.COLOUR_WORDS,
        shapes=vocabulary.SHAPE_WORDS,
        sizes=vocabulary.SIZE_WORDS,
        grounds=vocabulary.GROUND_WORDS,
        places=vocabulary.GROUND_PLACES,
        ground_nouns=vocabulary.GROUND_NOUNS,
        motions=vocabulary.MOTION_WORDS,
        ground="black",  # every colour is seen before it
        more_motions=vocabulary.MORE_MOTION_WORDS,
        unseen={"spinning": frozenset(vocabulary.SHAPES) - vocabulary.SPINNABLE},
        rephrase=rephrased,
    )
    return {MODEL_ID: shapes}


def readers() -> Mapping[str, Reader]:
    """Who says what a model of few words understands, by model id."""
    return {model: Reader(world, model) for model, world in worlds().items()}
