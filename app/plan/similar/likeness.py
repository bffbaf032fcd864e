"""Two prompts come in, and in what of consequence they differ goes out: a world's things, or words that decide."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.plan.prompt.worlds import Words, World
from app.plan.sentences import tidy

_WORD: Final = re.compile(r"\w+")

DECISIVE: Final = frozenset(
    [
        "red",
        "green",
        "blue",
        "yellow",
        "orange",
        "purple",
        "pink",
        "white",
        "black",
        "gray",
        "grey",
        "brown",
        "golden",
        "silver",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "no",
        "not",
        "without",
        "never",
        "nobody",
        "nothing",
        "left",
        "right",
        "up",
        "down",
        "upwards",
        "downwards",
        "leftwards",
        "rightwards",
        "in",
        "out",
        "inside",
        "outside",
        "above",
        "below",
        "under",
        "over",
        "man",
        "woman",
        "men",
        "women",
        "boy",
        "girl",
        "day",
        "night",
        "open",
        "closed",
        "first",
        "last",
    ]
)
"""Words that change a picture and hardly a sentence's vector: prompts may not differ in them, whatever the model."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a prompt asks of a world, in plain words and in the order in which it is said."""

    subjects: tuple[tuple[str, str, str], ...]  # (colour, shape, size), "" where it is not said
    motions: tuple[str, ...]
    grounds: tuple[str, ...]

    @property
    def motions_by_colour(self) -> Mapping[str, str]:
        """How each subject moves, "" for one whose colour is not said; empty where that is not plain."""
        motions = self.motions or ("still",) * len(self.subjects)
        if len(motions) != len(self.subjects):
            return {"": motions[0]} if len(motions) == 1 and self.subjects else {}
        return {colour: motion for (colour, _, _), motion in zip(self.subjects, motions, strict=True)}


@lru_cache(maxsize=4096)
def decisive(text: str) -> Counter[str]:
    """The decisive words of a text, and its numbers, with how often each comes."""
    words = _WORD.findall(tidy(text).casefold())
    return Counter(word for word in words if word in DECISIVE or word.isnumeric())


def facts_of(prompt: str, world: World) -> Facts:
    """Everything that the world can show of a prompt."""
    text = world.rephrase(tidy(prompt)).text
    rest = world.backdrop.sub(" , ", text)
    moves = list(world.motion.finditer(rest))  # "in a circle" is no subject
    subjects = [found for found in world.subject.finditer(rest) if not any(_overlap(found, move) for move in moves)]
    motions = _ways({name: tuple(form for verb in verbs for form in verb) for name, verbs in world.motions.items()})
    return Facts(
        subjects=tuple(_subject(found, world) for found in subjects),
        motions=tuple(motions[move[0].lower()] for move in moves),
        grounds=tuple(_ground(found, world) for found in world.backdrop.finditer(text)),
    )


def _subject(found: re.Match[str], world: World) -> tuple[str, str, str]:
    looks = [world.plain[word.lower()] for word in world.look.findall(f"{found['looks']} {found['behind'] or ''}")]
    colour = next((look for look in looks if look in world.colours), "")
    size = next((look for look in looks if look in world.sizes), "")
    return colour, world.plain[found["shape"].lower()], size


def _ground(found: re.Match[str], world: World) -> str:
    if found["colour"]:
        return _ways(world.grounds)[found["colour"].lower()]
    return _ways(world.places)[found["place"].lower()]


def _overlap(one: re.Match[str], other: re.Match[str]) -> bool:
    return one.start() < other.end() and other.start() < one.end()


class Asked:
    """A prompt that others are compared with, in a `world` or, without one, by the words that decide a picture."""

    def __init__(self, prompt: str, world: World | None) -> None:
        self._world = world
        self._words = decisive(prompt)
        self._facts = None if world is None else facts_of(prompt, world)

    def differs(self, other: str) -> str | None:
        """In what of consequence, for people; None when in nothing that is known to matter.

        In a world everything that it can show has to agree, and of a prompt without a subject nothing is known.
        """
        if self._world is None or self._facts is None:
            return None if self._words == decisive(other) else "words that decide"
        there = facts_of(other, self._world)
        if not self._facts.subjects:
            return "a prompt of which the model knows nothing"
        names = ("subjects", "motions", "grounds")
        return next((name for name in names if getattr(self._facts, name) != getattr(there, name)), None)


def _ways(words: Words | Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Any way to say it -> what it is."""
    return {way.lower(): plain for plain, ways in words.items() for way in (*ways, plain)}
