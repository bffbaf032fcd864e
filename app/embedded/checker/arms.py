"""What evaluation asks, by arm: held-out prompts of one kind each, and which of them a set of weights knows."""

from collections.abc import Callable, Collection, Mapping
from random import Random
from types import MappingProxyType
from typing import Final

from app.embedded.world import vocabulary as words
from app.embedded.world.asks import Ask, Mix, draw_asks
from app.embedded.world.clauses import MOTION_PHRASES
from app.embedded.world.pairs import Question
from app.embedded.world.prompts import describe

Draw = Callable[[int, Random], list[Ask]]
PICTURES: Final = "pictures"
_ALWAYS: Final = ("one subject", "two subjects")


def _mixed(mix: Mix) -> Draw:
    return lambda count, rng: draw_asks(count, mix, rng, held_out=True)


def _across(count: int, rng: Random) -> list[Ask]:
    asks: list[Ask] = []
    while len(asks) < count:
        asks += [ask for ask in draw_asks(count, Mix(0.0, across=True), rng, True) if ask[1][0].motion in words.ACROSS]
    return asks[:count]


ARMS: Final[Mapping[str, Draw]] = MappingProxyType(
    {
        "one subject": _mixed(Mix(0.0)),
        "two subjects": _mixed(Mix(1.0)),
        "across": _across,
        "relations": _mixed(Mix(1.0, related=1.0)),
        "counts": _mixed(Mix(0.0, counted=1.0)),
        PICTURES: _mixed(Mix(0.3)),
    }
)
"""Arm -> how its scenes are drawn. An arm has the name of what weights must know for it, but for the first two."""


def known(knows: Collection[str]) -> tuple[str, ...]:
    """The arms that weights with this knowledge are to be measured on."""
    return tuple(arm for arm in ARMS if arm in _ALWAYS or arm in knows)


def questions_of(arm: str, count: int, seed: int) -> list[Question]:
    """Prompts of combinations that training never saw; ground and motions are always said."""
    rng = Random(f"{seed}/{_ALWAYS.index(arm) + 1 if arm in _ALWAYS else arm}")
    return [question(ask, rng) for ask in ARMS[arm](count, rng)]


def question(ask: Ask, rng: Random) -> Question:
    """Words for an ask, drawn again until all that will be judged is said.

    Who stands still beside another, or as one of several, may do so without a word.
    """
    ground, said = ask
    together = said[0].relation != "" or said[0].count > 1
    while True:
        prompt = describe(said, ground, rng)
        text = prompt.lower()
        grounds = (*words.GROUND_WORDS[ground], *words.GROUND_PLACES[ground])
        moving = [one for one in said if not (together and one.motion == "still")]
        moved = all(_says(text, [way for ways in MOTION_PHRASES[one.motion] for way in ways]) for one in moving)
        if moved and _says(text, grounds):
            sized = len(said) == 1 and not together and _says(text, words.SIZE_WORDS[said[0].size])
            return Question(prompt, ask, sized)


def _says(text: str, ways: Collection[str]) -> bool:
    return any(way in text for way in ways)
