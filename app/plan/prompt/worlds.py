"""A prompt for a model of few words comes in; the same in the words it knows best, with what was unsaid, goes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from app.plan.prompt.expand import CLAUSES
from app.plan.prompt.features import factors_of
from app.plan.prompt.languages import plainly_english
from app.types import Rephrased

Words = Mapping[str, tuple[str, ...]]
"""Plain word -> all ways to say it."""

STILL: Final = "standing still"
_MOST_LOOKS: Final = 4  # adjectives of one subject: bounds the search
_PLACED: Final = next(each.silenced_by for each in CLAUSES if each.factor == "scene")


@dataclass(frozen=True)  # not slotted: what is derived from the words is kept
class World:
    """All that a model can draw, and how it is told.

    Its prompts are "a <size> <colour> <shape> <motion> on a <ground> background".
    """

    colours: Words
    shapes: Words
    sizes: Words
    grounds: Words
    places: Words  # ground -> phrases that name it without its colour
    ground_nouns: tuple[str, ...]
    motions: Mapping[str, tuple[tuple[str, ...], ...]]  # motion -> its verbs, each in several forms
    ground: str  # what a prompt without one is given: it must suit every colour
    more_motions: Words = field(default_factory=dict)  # motion -> other ways to say it, which are understood as well
    unseen: Mapping[str, frozenset[str]] = field(default_factory=dict)  # motion -> shapes on which nobody sees it
    relations: Words = field(default_factory=dict)  # relation of the first of two to the second -> ways to say it
    around: str = ""  # the shape that another can be inside of
    numbers: Words = field(default_factory=dict)  # how many alike, in digits -> ways to say it
    most_subjects: int = 2
    most_words: int = 46  # of a prompt; what lies behind is not read
    rephrase: Callable[[str], Rephrased] = Rephrased  # a prompt as the model's text encoder reads it

    @cached_property
    def plain(self) -> Mapping[str, str]:
        """Any word for a colour, shape or size -> the plain one."""
        return _plain(self.colours) | _plain(self.shapes) | _plain(self.sizes)

    @cached_property
    def subject(self) -> re.Pattern[str]:
        """One subject: article, colour and size in any order, shape, and a colour behind it."""
        colours, looks = _any(_all(self.colours)), _any(_all(self.colours) | _all(self.sizes))
        return re.compile(
            rf"(?<![\w-])(?:(?P<article>an?|the|one) )?(?P<looks>(?:(?:{looks}) ){{0,{_MOST_LOOKS}}})"
            rf"(?P<shape>{_any(_all(self.shapes))})(?![\w-])"
            rf"(?:(?P<link> that is | in )(?P<behind>{colours})(?![\w-]))?",
            re.IGNORECASE,
        )

    @cached_property
    def look(self) -> re.Pattern[str]:
        """One colour or size inside a subject."""
        return re.compile(_any(_all(self.colours) | _all(self.sizes)), re.IGNORECASE)

    @cached_property
    def backdrop(self) -> re.Pattern[str]:
        """A ground: a colour and a noun, or a place."""
        nouns = _any(self.ground_nouns)
        coloured = rf"(?:(?P<article>an?) )?(?P<colour>{_any(_all(self.grounds))}) (?P<noun>{nouns})"
        place = rf"(?P<place>{_any(_all(self.places))})(?! (?:{nouns}))"  # "on the sand background" is a colour
        return re.compile(rf"(?<![\w-])(?:{coloured}|{place})(?![\w-])", re.IGNORECASE)

    @cached_property
    def motion(self) -> re.Pattern[str]:
        """Any word for a motion, or for standing still."""
        forms = {form for verbs in self.motions.values() for verb in verbs for form in verb}
        return re.compile(rf"(?<![\w-])(?:{_any(forms)})(?![\w-])", re.IGNORECASE)


def spell_out(prompt: str, world: World, most_chars: int) -> str:
    """The prompt with plain words for its colours, shapes, sizes and ground, a motion and a ground where it has none.

    What the world does not know stays as it is; so does a prompt in which it knows nothing, or that would get too long.
    """
    backdrops = list(world.backdrop.finditer(prompt))
    subjects = [found for found in world.subject.finditer(prompt) if _is_subject(found, backdrops)]
    if not subjects:
        return prompt
    still = plainly_english(prompt) and not _moves(world.subject.sub("", prompt), world)  # "rose pink" rises not
    changes = [(found.span(), _said(found, world) + (f" {STILL}" if still else "")) for found in subjects]
    if len(backdrops) == 1:  # of several it is not known which is meant
        changes.append((backdrops[0].span(), _ground(backdrops[0], world)))
    text = prompt
    for (start, end), plain in sorted(changes, reverse=True):
        text = text[:start] + plain + text[end:]
    rest = world.subject.sub("", world.motion.sub("", prompt))  # "in a circle" and "in green" are no places
    if not backdrops and plainly_english(prompt) and not _placed(rest):
        body = text.rstrip(" .,;:!")
        text = f"{body} on {_with_article(world.ground)} background{text[len(body) :].strip(' ,;:')}"
    return text if len(text) <= most_chars else prompt


def _is_subject(found: re.Match[str], backdrops: Iterable[re.Match[str]]) -> bool:
    """Whether it is a thing: a bare "loop" or "block" may be a verb, and what is inside a ground is ground."""
    named = bool(found["article"] or found["looks"] or found["behind"] or found.start() == 0)
    return named and not any(found.start() < ground.end() and ground.start() < found.end() for ground in backdrops)


def _said(found: re.Match[str], world: World) -> str:
    looks = world.look.sub(lambda word: world.plain[word[0].lower()], found["looks"])
    noun = looks + world.plain[found["shape"].lower()]
    behind = found["link"] + world.plain[found["behind"].lower()] if found["behind"] else ""
    article = found["article"] or ""
    if article.lower() in ("a", "an"):
        return _cased(_with_article(noun), found[0]) + behind
    return _cased(f"{article} {noun}".strip(), found[0]) + behind


def _ground(found: re.Match[str], world: World) -> str:
    if found["place"]:
        return _cased(f"on {_with_article(_plain(world.places)[found['place'].lower()])} background", found[0])
    noun = f"{_plain(world.grounds)[found['colour'].lower()]} {found['noun'].lower()}"
    return _cased(_with_article(noun) if found["article"] else noun, found[0])


def _moves(prompt: str, world: World) -> bool:
    """Whether anything is said of motion, by the world's words or by any others."""
    score = next(factor.score for factor in factors_of(prompt) if factor.name == "motion")
    return score > 0 or world.motion.search(prompt) is not None


def _placed(prompt: str) -> bool:
    return bool(_PLACED & frozenset(re.findall(r"[a-z]+", prompt.casefold())))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _cased(text: str, like: str) -> str:
    return text[0].upper() + text[1:] if like[0].isupper() else text


def _plain(words: Words) -> dict[str, str]:
    return {said.lower(): plain for plain, all_ in words.items() for said in (*all_, plain)}


def _all(words: Words) -> set[str]:
    return set(_plain(words))


def _any(words: Iterable[str]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda word: (-len(word), word)))
