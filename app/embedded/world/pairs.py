"""Pairs of prompts of the built-in world that ask for the same, or nearly so, for measuring similar starts."""

from dataclasses import astuple, dataclass
from random import Random

from app.embedded.world import vocabulary as words
from app.embedded.world.prompts import describe
from app.embedded.world.scenes import Ask, draw_asks

_MORE = (", smoothly", ", in high quality", ", version 2", ", please", ", seen from the front", ", take two", "!")
_WAYS = (
    *words.COLOUR_WORDS.values(),
    *words.SHAPE_WORDS.values(),
    *words.GROUND_WORDS.values(),
    *(tuple(verb[form] for verb in verbs) for verbs in words.MOTION_WORDS.values() for form in range(3)),
)


@dataclass(frozen=True)
class Question:
    """A prompt and what it asks for; `sized`: whether it names a lone subject's size, so that size can be judged."""

    prompt: str
    ask: Ask
    sized: bool


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


def edited(count: int, seed: int, two_share: float = 0.4) -> list[Pair]:
    """Held-out scenes whose second prompt is the first with one word exchanged, something added, or both."""
    rng = Random(f"edited/{seed}")
    pairs = []
    for ask in draw_asks(count, two_share, rng, held_out=True):
        before = describe(ask[1], ask[0], rng)
        now = _exchanged(before, rng) if rng.random() < 0.7 else before
        if now == before or rng.random() < 0.4:
            now = f"{now.rstrip('.')}{rng.choice(_MORE)}"
        pairs.append((Question(before, ask, sized=False), Question(now, ask, sized=False)))
    return pairs


def _exchanged(prompt: str, rng: Random) -> str:
    """The prompt with one of its words in another of the world's ways to say it."""
    found = [(way, ways) for ways in _WAYS for way in set(ways) if f" {way} " in f" {prompt} "]
    if not found:
        return prompt
    way, ways = rng.choice(sorted(found))
    return f" {prompt} ".replace(f" {way} ", f" {rng.choice(ways)} ", 1).strip()


def changed(count: int, seed: int) -> list[Pair]:
    """As above, but the second says another colour, shape, motion or ground: what a guard must refuse."""
    rng = Random(f"changed/{seed}")
    asks = draw_asks(60 * count, 0.0, rng, held_out=True)
    pairs: list[Pair] = []
    for ask in asks:
        near = next((other for other in asks if _apart(ask, other) == 1), None)
        if near is not None and len(pairs) < count:
            style = rng.random()
            texts = [describe(each[1], each[0], Random(style)) for each in (ask, near)]
            if texts[0] == texts[1]:  # another ground, of which neither says anything
                continue
            pairs.append((Question(texts[0], ask, sized=False), Question(texts[1], near, sized=False)))
    return pairs


def _apart(one: Ask, other: Ask) -> int:
    """In how many of ground, colour, shape, size and motion two lone subjects differ."""
    here, there = (one[0], *astuple(one[1][0])), (other[0], *astuple(other[1][0]))
    return sum(ours != theirs for ours, theirs in zip(here, there, strict=True))
