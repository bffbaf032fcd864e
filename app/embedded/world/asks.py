"""Drawing lots for what is asked of scenes: ground, subjects, how they stand to each other and how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from app.embedded.world import prompts
from app.embedded.world import vocabulary as words
from app.embedded.world.clauses import Said

Ask = tuple[str, tuple[Said, ...]]
"""What a scene must show: its ground and its subjects, without places; several alike are one with a count."""

_Look = tuple[str, str, str]  # colour, shape, motion
_Table = dict[str, list[_Look]]
_SIZE_WEIGHTS = (1, 2, 1)
_LEVEL = ("left", "right", "spinning", "growing", "shrinking", "orbiting")
_UPRIGHT = ("up", "down", "bouncing", "spinning", "growing", "shrinking", "orbiting")
_WIDE = ("growing", "shrinking", "orbiting")
_IN_ROWS = ("left", "right", "up", "down", "bouncing", "spinning", "growing", "shrinking", "still")


@dataclass(frozen=True)
class Mix:
    """Shares of scenes: `two` of all with two subjects, `related` of those with their relation said, `counted` of the
    others with two or three alike; `across`: whether subjects go across the whole picture too."""

    two: float
    related: float = 0.0
    counted: float = 0.0
    across: bool = False


PLAIN = Mix(0.4)
NEWS = Mix(0.5, related=0.4, counted=0.25, across=True)


def draw_asks(count: int, mix: float | Mix, rng: Random, held_out: bool = False) -> list[Ask]:
    """Lots for `count` scenes of a mix, or a share of them with two subjects of different colours and nothing new.

    Training draws (`held_out` false) never hold a held-out combination; held-out draws hold nothing else.
    """
    mix = mix if isinstance(mix, Mix) else Mix(mix)
    motions = words.ALL_MOTIONS if mix.across else words.MOTIONS
    table: _Table = {ground: [] for ground in words.GROUNDS}
    for colour, shape, motion, ground in prompts.combinations(held_out, motions):
        table[ground].append((colour, shape, motion))
    return [_draw_ask(table, mix, motions, rng) for _ in range(count)]


def _draw_ask(table: _Table, mix: Mix, motions: Sequence[str], rng: Random) -> Ask:
    two = rng.random() < mix.two
    kind = mix.related if two else mix.counted
    ground = rng.choice(list(table))
    if kind and rng.random() < kind:
        return _draw_related(table, mix, rng) if two else _draw_counted(table, rng)
    said: list[Said] = []
    while len(said) < 1 + two:
        look = _draw_look(table[ground], motions, rng)
        if all(look[0] != other.colour for other in said):
            said.append(_sized(look, rng))
    return ground, tuple(said)


def _draw_look(rows: list[_Look], motions: Sequence[str], rng: Random) -> _Look:
    motion = rng.choice(motions)  # each motion as often, though fewer shapes can spin
    return rng.choice([row for row in rows if row[2] == motion] or rows)


def _sized(look: _Look, rng: Random) -> Said:
    colour, shape, motion = look
    return Said(colour, shape, rng.choices(tuple(words.SIZES), weights=_SIZE_WEIGHTS)[0], motion)


def _draw_related(table: _Table, mix: Mix, rng: Random) -> Ask:
    """Two that move so that the relation of the first to the second holds all the time."""
    relation = rng.choice(words.RELATIONS)
    while True:
        ground = rng.choice(list(table))  # drawn anew each time: what is held out on it may have nothing that fits
        motions = _motions_within(rng) if relation == "inside" else _motions_beside(relation, mix, rng)
        one, two = (_sized(_draw_look(table[ground], (motion,), rng), rng) for motion in motions)
        fits = (one.motion, two.motion) == motions and one.colour != two.colour
        if fits and (relation != "inside" or (two.shape == "ring" and one.size != "large" and two.size != "small")):
            return ground, (replace(one, relation=relation), two)


def _motions_within(rng: Random) -> tuple[str, str]:
    return rng.choice(("still", "still", "spinning")), "still"


def _motions_beside(relation: str, mix: Mix, rng: Random) -> tuple[str, str]:
    standing = relation in ("above", "below")
    own = _LEVEL if standing else _UPRIGHT
    own = (*own, *words.ACROSS) if standing and mix.across else own
    while True:
        first, second = ("still" if rng.random() < 0.45 else rng.choice(own) for _ in range(2))
        if first not in _WIDE or second not in _WIDE:  # two of these have no room on the side of each other
            return first, second


def _draw_counted(table: _Table, rng: Random) -> Ask:
    while True:
        ground, count = rng.choice(list(table)), rng.choice((2, 3))
        one = _sized(_draw_look(table[ground], _IN_ROWS, rng), rng)
        if one.motion in _IN_ROWS and one.size in _sizes_in_row(one.motion, count):
            return ground, (replace(one, count=count),)


def _sizes_in_row(motion: str, count: int) -> tuple[str, ...]:
    """Sizes at which so many have room beside each other."""
    swells = motion in ("growing", "shrinking")
    if count == 3:
        return ("small",) if swells else ("small", "medium")
    return ("small", "medium") if swells else tuple(words.SIZES)
