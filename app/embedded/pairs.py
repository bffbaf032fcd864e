"""Pairs of prompts of the built-in world that ask for the same things in other words, for measuring similar starts."""

from collections.abc import Sequence
from random import Random

from app.embedded.checker_rates import Question
from app.embedded.prompts import describe
from app.embedded.scenes import draw_asks

Pair = tuple[Question, Question]
"""A prompt that was asked before, and one that is asked now."""


def reworded(count: int, seed: int, two_share: float = 0.4) -> list[Pair]:
    """Held-out scenes, each described twice; grounds and motions may be left unsaid, as people do."""
    rng = Random(f"pairs/{seed}")
    pairs = []
    for ask in draw_asks(count, two_share, rng, held_out=True):
        texts = [describe(ask[1], ask[0], rng) for _ in range(2)]
        pairs.append((Question(texts[0], ask, sized=False), Question(texts[1], ask, sized=False)))
    return pairs


def changed(count: int, seed: int) -> list[Pair]:
    """As above, but the second asks for another colour, shape, motion or ground: what a guard must refuse."""
    rng = Random(f"changed/{seed}")
    asks = draw_asks(60 * count, 0.0, rng, held_out=True)
    pairs: list[Pair] = []
    for ask in asks:
        near = next((other for other in asks if _apart(ask, other) == 1), None)
        if near is not None and len(pairs) < count:
            style = rng.random()
            texts = [describe(each[1], each[0], Random(style)) for each in (ask, near)]
            pairs.append((Question(texts[0], ask, sized=False), Question(texts[1], near, sized=False)))
    return pairs


def _apart(one: tuple[str, Sequence[object]], other: tuple[str, Sequence[object]]) -> int:
    """In how many of ground, colour, shape, size and motion two lone subjects differ."""
    (here,), (there,) = one[1], other[1]
    fields = ("colour", "shape", "size", "motion")
    return (one[0] != other[0]) + sum(getattr(here, name) != getattr(there, name) for name in fields)
