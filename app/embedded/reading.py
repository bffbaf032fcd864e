"""The built-in model's vocabulary, as the rules for prompts read it: between the words of its world and a plan."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from app.embedded.profile import ACROSS, COUNTS, RELATIONS
from app.embedded.world import vocabulary
from app.embedded.world.rephrase import rephrased
from app.plan.prompt.worlds import World


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
