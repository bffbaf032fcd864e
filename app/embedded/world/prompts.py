"""From a scene to ordinary English: many words and word orders for what is the same picture; and the held-out set."""

import hashlib
from collections.abc import Sequence
from random import Random

from app.embedded.world import vocabulary as words
from app.embedded.world.arrangements import related, several
from app.embedded.world.clauses import Said, article_of, clause

__all__ = ["Said", "combinations", "describe", "is_held_out", "is_possible"]

HELD_OUT_ONE_IN = 10
GROUND_UNSAID = 0.07
_MEDIA = ("a video of", "a clip of", "an animation of", "a short video of", "footage of", "video:", "animated:")
_SHOW = ("show", "draw", "animate", "create", "I want", "give me", "generate")
_JOINS = (" and ", " and ", " while ", ", and ", " as ", ", while ", "; ")


def is_held_out(colour: str, shape: str, motion: str, ground: str) -> bool:
    """Whether a combination is kept out of training; the same on every machine (about one in ten)."""
    digest = hashlib.sha256(f"{colour}|{shape}|{motion}|{ground}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


def is_possible(shape: str, motion: str) -> bool:
    """Whether the motion can be seen on the shape: nobody sees a circle spin."""
    return motion != "spinning" or shape in words.SPINNABLE


def combinations(held_out: bool, motions: Sequence[str] = words.MOTIONS) -> tuple[tuple[str, str, str, str], ...]:
    """All (colour, shape, motion, ground) that are, or are not, held out from training, in a fixed order."""
    return tuple(
        (colour, shape, motion, ground)
        for colour in words.COLOURS
        for shape in words.SHAPES
        for motion in motions
        for ground in words.GROUNDS
        if is_possible(shape, motion) and is_held_out(colour, shape, motion, ground) == held_out
    )


def describe(subjects: tuple[Said, ...], ground: str, rng: Random) -> str:
    """One English prompt for one or two subjects, or several alike, named in the order given, before a ground."""
    mood = rng.choice(("present", "present", "participle", "participle", "bare"))
    if subjects[0].count > 1:
        body = several(subjects[0], mood, rng)
    elif subjects[0].relation:
        body = related(subjects[0], subjects[1], mood, rng)
    else:
        clauses = [clause(said, mood, rng) for said in subjects]
        body = rng.choice(_JOINS).join(clauses)
    body = _with_opening(body, mood, rng)
    body = body if rng.random() < GROUND_UNSAID else _with_ground(body, ground, rng)
    return _finish(body, rng)


def _finish(text: str, rng: Random) -> str:
    text = text + ("." if rng.random() < 0.35 else "")
    style = rng.random()
    if style < 0.5:
        return text[0].upper() + text[1:]
    return text.lower() if style < 0.9 else text


def _with_opening(body: str, mood: str, rng: Random) -> str:
    if mood == "bare":
        return f"{rng.choice(('make', 'let', 'please make', 'have'))} {body}"
    if mood == "present":
        return body
    chance = rng.random()
    if chance < 0.35:
        return f"{rng.choice(_MEDIA)} {body}"
    if chance < 0.5:
        return f"{rng.choice(_SHOW)} {body}"
    return f"there is {body}" if chance < 0.56 else body


def _with_ground(body: str, ground: str, rng: Random) -> str:
    phrase = _ground_phrase(ground, rng)
    chance = rng.random()
    if chance < 0.62:
        return f"{body} {phrase}"
    if chance < 0.78:
        return f"{body}, {phrase}"
    if chance < 0.94:
        return f"{phrase}, {body}"
    return f"{body}, {rng.choice(words.GROUND_WORDS[ground])} {rng.choice(words.GROUND_NOUNS[:4])}"


def _ground_phrase(ground: str, rng: Random) -> str:
    if rng.random() < 0.2:
        return rng.choice(words.GROUND_PLACES[ground])
    colour, noun = rng.choice(words.GROUND_WORDS[ground]), rng.choice(words.GROUND_NOUNS)
    article = article_of(colour) if rng.random() < 0.85 else "the"
    return f"{rng.choice(('on', 'on', 'on', 'over', 'against', 'in front of'))} {article} {colour} {noun}"
