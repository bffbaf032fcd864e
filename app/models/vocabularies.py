"""The worlds of models with few words: the built-in model's vocabulary, as the rules for prompts read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from app.embedded.profile import ACROSS, COUNTS, MODEL_ID, RELATIONS, known_to
from app.embedded.world import vocabulary
from app.embedded.world.rephrase import rephrased
from app.plan.prompt.understand import Reader
from app.plan.prompt.worlds import World


def worlds() -> Mapping[str, World]:
    """World by model id, as far as the installed weights know it; every other model draws anything."""
    return {MODEL_ID: world_of(known_to())}


def world_of(knows: Collection[str]) -> World:
    """The built-in world for weights that know so much of it."""
    across, standing = ACROSS in knows, RELATIONS in knows
    return World(
        colours=vocabulary.COLOUR_WORDS,
        shapes=vocabulary.SHAPE_WORDS,
        sizes=vocabulary.SIZE_WORDS,
        grounds=vocabulary.GROUND_WORDS,
        places=vocabulary.GROUND_PLACES,
        ground_nouns=vocabulary.GROUND_NOUNS,
        motions={**vocabulary.MOTION_WORDS, **(vocabulary.ACROSS_WORDS if across else {})},
        ground="black",  # every colour is seen before it
        more_motions=vocabulary.MORE_MOTION_WORDS,
        unseen={"spinning": frozenset(vocabulary.SHAPES) - vocabulary.SPINNABLE},
        relations=vocabulary.STANDING_WORDS if standing else {},
        around="ring",
        numbers={str(count): ways for count, ways in vocabulary.NUMBER_WORDS.items()} if COUNTS in knows else {},
        rephrase=partial(rephrased, goes_across=across),
    )


def readers() -> Mapping[str, Reader]:
    """Who says what a model of few words understands, by model id."""
    return {model: Reader(world, model) for model, world in worlds().items()}
