"""Places that need no tries: several alike in a row, and one subject inside a ring."""

from random import Random

from app.embedded.world import vocabulary as words
from app.embedded.world.clauses import Said
from app.embedded.world.world import Subject

_SCALES = {2: 0.74, 3: 0.62}
_ALONG = {2: (0.25, 0.75), 3: (0.25, 0.5, 0.75)}
_TRAVEL = {"bouncing": 0.25, "spinning": 0.75}
_STRAIGHT = 0.5
_START = {"left": (0.75,), "right": (0.25,), "up": (0.75,), "down": (0.25,), "bouncing": (0.75, 0.5)}
_WITHIN = {"small": 0.07, "medium": 0.09}  # radius of who is inside
_AROUND = 0.34  # radius of the ring around: its hole leaves a latent cell free on every side


def in_row(said: Said, rng: Random) -> tuple[Subject, ...]:
    """So many alike as are asked for, on a line across their way, all at one pace and in one phase."""
    place = rng.choice(_START.get(said.motion, (0.25, 0.5, 0.75)))
    radius = words.SIZES[said.size] * _SCALES[said.count]
    travel = _TRAVEL.get(said.motion, _STRAIGHT)
    upright = said.motion in ("left", "right")
    spots = ((place, along) if upright else (along, place) for along in _ALONG[said.count])
    return tuple(
        Subject(said.colour, said.shape, said.size, said.motion, radius, x, y, travel, phase=0.0) for x, y in spots
    )


def within(said: tuple[Said, ...]) -> tuple[Subject, ...]:
    """One inside the hole of a ring, in the order named.

    The autoencoder keeps one colour in front of the ground in each cell of an eighth of the picture, so who is inside
    shares no cell with the ring; inside of other shapes there is no ground, and nothing can be shown there.
    """
    inner, ring = said
    middle = 0.5
    return (
        Subject(inner.colour, inner.shape, inner.size, inner.motion, _WITHIN[inner.size], middle, middle, 0.75, 0.0),
        Subject(ring.colour, ring.shape, ring.size, ring.motion, _AROUND, middle, middle, _STRAIGHT, 0.0),
    )
