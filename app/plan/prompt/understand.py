"""A prompt for a model of few words comes in; what its words mean, what it does not know, and warnings go out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

from app.plan.prompt.beyond import Piece, warnings_of, words_of
from app.plan.prompt.worlds import Words, World
from app.types import KnownWord, PlanWarning, Rephrased, Understood

_READ: Final = 1_000  # characters; a model of few words reads far fewer
_MOST_WORDS: Final = 40
_MOST_CHARS: Final = 40  # of one of them
_TOKEN: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]|_")
_GLUE: Final = words_of(
    "a an the one that is are be and while as there with in on over against of it its please make let have show draw "
    "animate create i want give me generate video clip animation footage animated short appear appears appearing which "
    "front this"
)
"""Words that say nothing to be seen."""


class Reader:
    """Reads prompts as one model of few words does; what is derived from its words is kept."""

    def __init__(self, world: World, model: str) -> None:
        self._world = world
        self._model = model

    @property
    def world(self) -> World:
        """What the model can draw."""
        return self._world

    def understand(self, prompt: str) -> tuple[Understood, tuple[PlanWarning, ...]]:
        """What the model makes of a prompt; no warnings: it says what it was trained on. Any string is legal."""
        read = self._world.rephrase(prompt[:_READ])
        pieces = tuple(self._pieces(read.text))
        written = _Written(read)
        known = dict.fromkeys(KnownWord(written.of(each), f"{each.kind} {each.plain}") for each in pieces if each.plain)
        unknown = dict.fromkeys(each.text.lower()[:_MOST_CHARS] for each in pieces if each.unknown)
        understood = Understood(tuple(known)[:_MOST_WORDS], tuple(unknown)[:_MOST_WORDS])
        return understood, tuple(warnings_of(prompt, pieces, read, self._world, self._model))

    def kinds(self, prompt: str) -> frozenset[str]:
        """Of which kinds a prompt's words are; "over" in "over a sandy beach" is part of a ground, no relation."""
        return frozenset(piece.kind for piece in self._pieces(self._world.rephrase(prompt[:_READ]).text))

    @cached_property
    def phrases(self) -> Mapping[str, tuple[str, str, bool]]:
        """Phrase -> its kind, what it means, whether it is a plural."""
        world = self._world
        found: dict[str, tuple[str, str, bool]] = {}
        for kind, words in (
            *(("relation", world.relations), ("count", world.numbers)),
            *(("motion", world.more_motions), ("size", world.sizes), ("colour", world.colours)),
        ):
            found |= {said: (kind, plain, False) for said, plain in _ways(words).items()}
        for motion, verbs in world.motions.items():
            found |= {form.lower(): ("motion", motion, False) for verb in verbs for form in verb}
        for said, plain in _ways(world.shapes).items():
            found.setdefault(f"{said}{'es' if said.endswith('x') else 's'}", ("shape", plain, True))
            found[said] = ("shape", plain, False)
        return found

    @cached_property
    def phrase(self) -> re.Pattern[str]:
        """Any of them, the longest first."""
        return re.compile(rf"(?<![\w-])(?:{_any(self.phrases)})(?![\w-])", re.IGNORECASE)

    @cached_property
    def ground(self) -> re.Pattern[str]:
        """A ground by its place, with its noun, or by its colour alone behind a word for where."""
        world, nouns = self._world, _any(set(self._world.ground_nouns))
        where = "(?:on|over|against|in front of) "
        article = "(?:(?:an?|the) )?"
        colours = _any({*_ways(world.colours), *_ways(world.grounds)})
        coloured = rf"(?:{where})?{article}(?:plain )?(?P<colour>{colours})"
        return re.compile(
            rf"(?<![\w-])(?:(?P<place>{_any(_ways(world.places))})(?! (?:{nouns}))|{coloured} (?:{nouns})"
            rf"|{where}{article}(?P<alone>{_any(_ways(world.grounds))}))(?![\w-])",
            re.IGNORECASE,
        )

    def _pieces(self, text: str) -> Iterator[Piece]:
        end = 0
        for found in self.ground.finditer(text):
            yield from self._outside(text[end : found.start()])
            ways = _ways(self._world.places if found["place"] else self._world.grounds)
            yield Piece(found[0], "ground", ways.get((found["place"] or found["colour"] or found["alone"]).lower(), ""))
            end = found.end()
        yield from self._outside(text[end:])

    def _outside(self, text: str) -> Iterator[Piece]:
        """The pieces of what is not a ground."""
        end = 0
        for found in self.phrase.finditer(text):
            yield from _others(text[end : found.start()])
            kind, plain, many = self.phrases[found[0].lower()]
            yield Piece(found[0], kind, plain, many)
            end = found.end()
        yield from _others(text[end:])


class _Written:
    """Finds the words as they were written for those that rephrasing put there."""

    def __init__(self, read: Rephrased) -> None:
        self._changes = list(read.changes)

    def of(self, piece: Piece) -> str:
        change = next((each for each in self._changes if each.told == piece.text), None)
        if change is None:
            return piece.text
        self._changes.remove(change)
        return change.text


def _others(text: str) -> Iterator[Piece]:
    """Single words and marks; white space and punctuation say nothing."""
    for word in _TOKEN.findall(text):
        mark = not word[0].isalnum() and word.isascii()
        yield Piece(word, "glue" if mark or word.lower() in _GLUE else "")


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))


def _ways(words: Words) -> dict[str, str]:
    return {said.lower(): plain for plain, all_ in words.items() for said in (*all_, plain)}
