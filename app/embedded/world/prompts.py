"""From a scene to ordinary English: many words and word orders for what is the same picture; and the held-out set."""

import hashlib
from dataclasses import dataclass
from random import Random

from app.embedded.world import vocabulary as words

HELD_OUT_ONE_IN = 10
GROUND_UNSAID = 0.07
_MEDIA = ("a video of", "a clip of", "an animation of", "a short video of", "footage of", "video:", "animated:")
_SHOW = ("show", "draw", "animate", "create", "I want", "give me", "generate")
_JOINS = (" and ", " and ", " while ", ", and ", " as ", ", while ", "; ")


@dataclass(frozen=True)
class Said:
    """What a prompt asks of one subject: its words' meaning, free of where it stands."""

    colour: str
    shape: str
    size: str
    motion: str


def is_held_out(colour: str, shape: str, motion: str, ground: str) -> bool:
    """Whether a combination is kept out of training; the same on every machine (about one in ten)."""
    digest = hashlib.sha256(f"{colour}|{shape}|{motion}|{ground}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


def is_possible(shape: str, motion: str) -> bool:
    """Whether the motion can be seen on the shape: nobody sees a circle spin."""
    return motion != "spinning" or shape in words.SPINNABLE


def combinations(held_out: bool) -> tuple[tuple[str, str, str, str], ...]:
    """All (colour, shape, motion, ground) that are, or are not, held out from training, in a fixed order."""
    return tuple(
        (colour, shape, motion, ground)
        for colour in words.COLOURS
        for shape in words.SHAPES
        for motion in words.MOTIONS
        for ground in words.GROUNDS
        if is_possible(shape, motion) and is_held_out(colour, shape, motion, ground) == held_out
    )


def describe(subjects: tuple[Said, ...], ground: str, rng: Random) -> str:
    """One English prompt for one or two subjects, named in the order given, before a ground."""
    mood = rng.choice(("present", "present", "participle", "participle", "bare"))
    clauses = [_clause(said, mood, rng, definite=False) for said in subjects]
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
    article = _article(colour) if rng.random() < 0.85 else "the"
    return f"{rng.choice(('on', 'on', 'on', 'over', 'against', 'in front of'))} {article} {colour} {noun}"


def _clause(said: Said, mood: str, rng: Random, definite: bool) -> str:
    noun = _noun(said, rng)
    if said.motion == "still" and rng.random() < 0.3:  # no motion said: it stands still
        return noun if mood != "bare" else f"{noun} appear"
    present, participle, bare = rng.choice(words.MOTION_WORDS[said.motion])
    if mood == "bare":
        return f"{noun} {bare}"
    if mood == "present":
        return f"{noun} is {participle}" if rng.random() < 0.2 else f"{noun} {present}"
    if rng.random() < 0.12:
        return f"{noun} that {present}"
    if rng.random() < 0.1 and " " not in participle:
        return _noun(said, rng, before=participle)
    return f"{noun} {participle}"


def _noun(said: Said, rng: Random, before: str = "") -> str:
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
    article = rng.choices((_article(text), "the", "one", ""), weights=(85, 6, 3, 6))[0]
    return f"{article} {text}".strip()


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
