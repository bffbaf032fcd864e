"""One clause of a prompt: a subject with its article, size, colour and shape, and what it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from app.embedded.world import vocabulary as words

MOTION_PHRASES: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {**words.MOTION_WORDS, **words.ACROSS_WORDS}


@dataclass(frozen=True)
class Said:
    """What a prompt asks of one subject: its words' meaning, free of where it stands."""

    colour: str
    shape: str
    size: str
    motion: str
    relation: str = ""  # of the first of two to the second: one of `vocabulary.RELATIONS`; unsaid: in reading order
    count: int = 1  # so many alike


def clause(said: Said, mood: str, rng: Random) -> str:
    """A subject and what it does, in a mood: "present", "participle" or "bare" (after "make")."""
    name = noun(said, rng)
    if said.motion == "still" and rng.random() < 0.3:  # no motion said: it stands still
        return name if mood != "bare" else f"{name} appear"
    present, participle, bare = rng.choice(MOTION_PHRASES[said.motion])
    if mood == "bare":
        return f"{name} {bare}"
    if mood == "present":
        return f"{name} is {participle}" if rng.random() < 0.2 else f"{name} {present}"
    if rng.random() < 0.12:
        return f"{name} that {present}"
    if rng.random() < 0.1 and " " not in participle:
        return noun(said, rng, before=participle)
    return f"{name} {participle}"


def noun(said: Said, rng: Random, before: str = "") -> str:
    """Article, size, colour and shape in one of their orders; a medium subject's size mostly goes without saying."""
    colour, shape = rng.choice(words.COLOUR_WORDS[said.colour]), rng.choice(words.SHAPE_WORDS[said.shape])
    size = rng.choice(words.SIZE_WORDS[said.size])
    sized = said.size != "medium" or rng.random() < 0.15
    adjectives = [before] if before else []
    adjectives += [size, colour] if sized else [colour]
    if sized and rng.random() < 0.12:
        adjectives[-2:] = [colour, size]
    if rng.random() < 0.05:
        last = f"{shape} that is {colour}" if rng.random() < 0.5 else f"{shape} in {colour}"
        return _with_article(" ".join([word for word in adjectives if word != colour] + [last]), rng)
    return _with_article(" ".join([*adjectives, shape]), rng)


def _with_article(text: str, rng: Random) -> str:
    article = rng.choices((article_of(text), "the", "one", ""), weights=(85, 6, 3, 6))[0]
    return f"{article} {text}".strip()


def article_of(word: str) -> str:
    """The indefinite article before a word."""
    return "an" if word[0] in "aeiou" else "a"
