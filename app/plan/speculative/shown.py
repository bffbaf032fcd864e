"""A prompt for a model of few words comes in, what its video has to show goes out: what drafts are looked at for."""

from __future__ import annotations

from typing import Final

from app.plan.prompt.understand import Reader
from app.plan.similar.likeness import facts_of
from app.types import MustShow

_BEYOND: Final = frozenset({"relation", "count"})  # kinds of words of which nothing is looked for


def shown(prompt: str, reader: Reader) -> MustShow | None:
    """What a video of a prompt has to show; None where the prompt leaves some of it open, or asks for more."""
    facts = facts_of(prompt, reader.world)
    whole = len(facts.grounds) == 1 and 0 < len(facts.subjects) == len(facts.motions)
    if not whole or reader.kinds(prompt) & _BEYOND or any(not colour for colour, _, _ in facts.subjects):
        return None
    looks = zip(facts.subjects, facts.motions, strict=True)
    return MustShow(facts.grounds[0], tuple((colour, shape, motion) for (colour, shape, _), motion in looks))
