"""What a prompt says of subjects together: how one stands to the other, or how many alike there are."""

from random import Random

from app.embedded.world import vocabulary as words
from app.embedded.world.clauses import MOTION_PHRASES, Said, clause, noun


def related(one: Said, two: Said, mood: str, rng: Random) -> str:
    """Two subjects with the relation of the first to the second said: in between, ahead, or by the place of each."""
    chance = rng.random()
    if one.relation != "inside" and chance < 0.3:
        here, there = rng.choice(words.PLACE_WORDS[one.relation])
        if rng.random() < 0.3 and mood != "bare":
            return f"{here}, {clause(one, mood, rng)} and {there}, {clause(two, mood, rng)}"
        return f"{_placed(one, mood, rng)} {here} and {_placed(two, mood, rng)} {there}"
    relation = rng.choice(words.RELATION_WORDS[one.relation])
    if chance < 0.42 and mood != "bare":
        return f"{relation} {_standing(two, rng)}, {clause(one, mood, rng)}"
    if mood == "present" and one.motion == "still" and rng.random() < 0.4:
        return f"{noun(one, rng)} is {relation} {_standing(two, rng)}"
    return f"{_placed(one, mood, rng)} {relation} {_standing(two, rng)}"


def _placed(said: Said, mood: str, rng: Random) -> str:
    """A clause; who stands still where a place says so seldom needs a verb."""
    if said.motion == "still" and rng.random() < 0.7:
        return noun(said, rng) if mood != "bare" else f"{noun(said, rng)} appear"
    return clause(said, mood, rng)


def _standing(said: Said, rng: Random) -> str:
    """Whom the first stands to: "a ball", "a spinning ball", "a ball that spins"."""
    if said.motion == "still" and rng.random() < 0.8:
        return noun(said, rng)
    present, participle, _ = rng.choice(MOTION_PHRASES[said.motion])
    return f"{noun(said, rng)} {participle if rng.random() < 0.7 else f'that {present}'}"


def several(said: Said, mood: str, rng: Random) -> str:
    """Two or three alike and what they do."""
    colour, shape = rng.choice(words.COLOUR_WORDS[said.colour]), rng.choice(words.SHAPE_WORDS[said.shape])
    sized = said.size != "medium" or rng.random() < 0.1
    parts = [rng.choice(words.NUMBER_WORDS[said.count])]
    parts += [rng.choice(words.SIZE_WORDS[said.size])] if sized else []
    name = " ".join([*parts, colour, plural(shape)])
    if said.motion == "still" and rng.random() < 0.4:
        return name if mood != "bare" else f"{name} appear"
    _, participle, bare = rng.choice(MOTION_PHRASES[said.motion])
    present = f"are {bare.removeprefix('be ')}" if bare.startswith("be ") else bare
    if mood == "bare":
        return f"{name} {bare}"
    if mood == "present":
        return f"{name} are {participle}" if rng.random() < 0.2 else f"{name} {present}"
    return f"{name} {participle}"


def plural(shape: str) -> str:
    """More than one of a shape's words."""
    return f"{shape}es" if shape.endswith("x") else f"{shape}s"
