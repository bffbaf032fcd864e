"""Sentences come in, the nearest prompt that a model of few words can draw goes out, and what of them is beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from app.plan.prompt.understand import Reader
from app.plan.prompt.worlds import World, spell_out
from app.storyboards.drafting.likenesses import DOINGS, PLACES, THINGS, Look
from app.types.understood import PlanWarning

_READ: Final = 600  # characters of a scene in which something to draw is looked for
_MOST_CHARS: Final = 400
_TRIED: Final = 6  # sentences of a scene
_WORD: Final = re.compile(r"[a-z]+")
_TURNING: Final = "orbiting"  # how a thing turns on which turning is not seen
_USUAL: Final[Look] = ("circle", "orange")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a scene shows: where the next one says nothing else, it shows the same."""

    look: Look = _USUAL
    ground: str = ""
    size: str = ""


@dataclass(frozen=True)
class Nearest:
    """Prompts of one world. `model` is the id of the model whose world it is."""

    world: World
    model: str
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", Reader(self.world, self.model))

    def prompt(self, sentences: Iterable[str], before: Shown) -> tuple[str, Shown, tuple[PlanWarning, ...]]:
        """A prompt without anything that the model does not know; what is shown by it; what was beyond it.

        The first of the sentences that can be drawn as it is, is drawn; else something most like what they speak of.
        """
        told = [sentence[:_MOST_CHARS] for sentence in islice(sentences, _TRIED)]
        for sentence in told:
            plain = spell_out(sentence.rstrip(" .!?"), self.world, _MOST_CHARS)
            if not self.reader.understand(plain)[1]:
                plain = self._where_it_was(sentence, plain, before)
                return plain, self._shown(plain, before), ()
        beyond = self.reader.understand(told[0])[1]
        text = " ".join(told)[:_READ]
        prompt, shown = self._composed(text, before)
        return prompt, shown, beyond

    def _where_it_was(self, sentence: str, plain: str, before: Shown) -> str:
        """The prompt, on the ground of the scene before where the sentence itself names none."""
        usual = f" on {_with_article(self.world.ground)} background"
        if not before.ground or "ground" in self._known(sentence) or not plain.endswith(usual):
            return plain
        return f"{plain[: -len(usual)]} on {_with_article(before.ground)} background"

    def _shown(self, plain: str, before: Shown) -> Shown:
        known = self._known(plain)
        look = (known.get("shape", before.look[0]), known.get("colour", before.look[1]))
        return Shown(look, known.get("ground", before.ground), known.get("size", ""))

    def _composed(self, text: str, before: Shown) -> tuple[str, Shown]:
        world, known = self.world, self._known(spell_out(text, self.world, _READ + _MOST_CHARS))
        said = _WORD.findall(text.casefold())
        like = next((THINGS[word] for word in _singular(said) if word in THINGS), None)
        shape = known.get("shape") or (like[0] if like else before.look[0])
        colour = known.get("colour") or (like[1] if like else before.look[1])
        ground = known.get("ground") or _first(said, PLACES) or before.ground or world.ground
        motion = self._seen(known.get("motion") or _first(said, DOINGS) or "still", shape)
        size = known.get("size") or before.size
        shape, colour = _of(shape, world.shapes), _of(colour, world.colours)
        ground = _of(ground, world.grounds)
        looks = f"{size} {colour} {shape}".strip()
        verb = world.motions[motion][0][0]
        prompt = f"{_with_article(looks)} {verb} on {_with_article(ground)} background"
        return prompt, Shown((shape, colour), ground, size)

    def _seen(self, motion: str, shape: str) -> str:
        motion = _of(motion, self.world.motions)
        hidden = shape in self.world.unseen.get(motion, frozenset())
        return _of(_TURNING, self.world.motions) if hidden else motion

    def _known(self, text: str) -> dict[str, str]:
        """The first word of each kind that the model knows: colour, shape, size, ground, motion."""
        found: dict[str, str] = {}
        for word in self.reader.understand(text)[0].known:
            kind, _, plain = word.meaning.partition(" ")
            found.setdefault(kind, plain)
        return found


def _singular(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        yield word
        if word.endswith("s"):
            yield word[:-1]


def _first(words: Iterable[str], table: Mapping[str, str]) -> str | None:
    return next((table[word] for word in words if word in table), None)


def _of(word: str, known: Mapping[str, object]) -> str:
    """The word, or what the world has first where it does not know it."""
    return word if word in known else next(iter(known))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
