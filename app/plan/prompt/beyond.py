"""A prompt taken to pieces comes in, and in what it goes beyond a model of few words goes out, for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.plan.prompt.features import factors_of
from app.plan.prompt.languages import plainly_english
from app.plan.prompt.vocabulary import NUMBERS
from app.plan.prompt.worlds import World
from app.types import PlanWarning, Rephrased, Understood


def words_of(text: str) -> frozenset[str]:
    """A list of words as a set."""
    return frozenset(text.split())


_NAMED: Final = 6  # unknown words in a sentence
_LONGEST: Final = 30  # characters of one of them
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_RELATIONS: Final = words_of(
    "above below under beneath underneath behind beside besides between near nearby next inside outside within around "
    "through among along alongside toward towards into onto off opposite beyond after before chasing chases chase "
    "following follows follow touching touches hitting hits hit colliding collides meets meeting passing passes "
    "together apart another other each both same left right top bottom middle center centre corner edge than"
)
_NEGATIONS: Final = words_of("no not without never nothing nobody none neither nor don't doesn't isn't except")
_CAMERA: Final = words_of(
    "camera cameras shot shots lens zoom zooms zooming pan pans panning tilt tilts tilting dolly aerial drone closeup "
    "close-up angle view viewed wide macro handheld tracking perspective pov seen"
)
_FIRST: Final = words_of("a an the one another")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a prompt.

    `kind`: colour, shape, size, ground, motion, relation, count, glue (nothing to be seen), "" (not known).
    """

    text: str
    kind: str
    plain: str = ""  # what it means to the model
    many: bool = False  # a plural

    @property
    def unknown(self) -> bool:
        return not self.plain and self.kind != "glue"


def warnings_of(
    prompt: str, pieces: Sequence[Piece], read: Rephrased, world: World, model: str
) -> Iterator[PlanWarning]:
    """In what the prompt goes beyond what the model was trained on: what it asks of subject, count, place and so on."""
    if any(char.isalpha() for char in prompt) and not plainly_english(prompt):
        yield _warning("unknown_language", f"{model} reads plain English only: what it makes of this is chance.")
        return
    sorts = _sorted(prompt, pieces)
    yield from _about_subjects(pieces, sorts.subject, world, model)
    yield from _about_numbers(pieces, sorts.count, world, model)
    yield from _about_relations(pieces, world, model)
    yield from _about_words(sorts, world, model)
    yield from _about_motions(pieces, read, world, model)
    if len(_TOKEN.findall(prompt)) > world.most_words:
        yield _warning("prompt_cut", f"{model} reads about {world.most_words} words; the rest is cut off.")


def beside_picture(warnings: Iterable[PlanWarning], understood: Understood, model: str) -> Iterator[PlanWarning]:
    """The warnings of a prompt that comes with a picture: one that names nobody means who is in that."""
    nobody = not understood.unknown and not any(word.meaning.startswith("shape ") for word in understood.known)
    for warning in warnings:
        if nobody and warning.code == "unknown_subject":
            told = f"The prompt names nobody: {model} moves whom the picture shows."
            yield _warning("subject_of_picture", told)
        else:
            yield warning


@dataclass(frozen=True, slots=True)
class _Sorts:
    """The words that are not known, by what they seem to ask for."""

    subject: tuple[str, ...]
    count: tuple[str, ...]
    relation: tuple[str, ...]
    camera: tuple[str, ...]
    negation: tuple[str, ...]
    ground: tuple[str, ...]
    other: tuple[str, ...]


def _sorted(prompt: str, pieces: Sequence[Piece]) -> _Sorts:
    camera = _CAMERA | _camera_words(prompt)
    found: dict[str, list[str]] = {name: [] for name in _Sorts.__slots__}
    loose: list[tuple[int, str]] = []
    for place, piece in enumerate(pieces):
        if piece.unknown:
            sort = "ground" if piece.kind == "ground" else _sort(piece.text.lower(), camera)
            if sort:
                found[sort].append(piece.text)
            else:
                loose.append((place, piece.text))
    things = _things(pieces)
    nothing = not any(piece.kind == "shape" for piece in pieces)
    for place, word in loose:
        found["subject" if nothing or place in things else "other"].append(word)
    return _Sorts(**{name: tuple(dict.fromkeys(words)) for name, words in found.items()})


def _sort(word: str, camera: frozenset[str]) -> str:
    if word in NUMBERS or word.isdecimal():
        return "count"
    if word in _NEGATIONS:
        return "negation"
    if word in camera:
        return "camera"
    return "relation" if word in _RELATIONS else ""


def _camera_words(prompt: str) -> frozenset[str]:
    found = next(factor.found for factor in factors_of(prompt) if factor.name == "camera")
    return frozenset(word for phrase in found for word in phrase.split())


def _things(pieces: Sequence[Piece]) -> frozenset[int]:
    """Places of unknown words that an article makes a thing: in "a grey cat walks", not in "a shiny red ball"."""
    found: set[int] = set()
    for place, piece in enumerate(pieces):
        if piece.text.lower() not in _FIRST:
            continue
        stop = next((at for at in range(place + 1, len(pieces)) if _ends(pieces[at])), len(pieces))
        if not any(each.kind == "shape" for each in pieces[place + 1 : stop]):
            found.update(range(place + 1, stop))
    return frozenset(found)


def _ends(piece: Piece) -> bool:
    return piece.kind in ("glue", "motion", "ground", "relation") or piece.text.lower() in _RELATIONS


def _about_subjects(pieces: Sequence[Piece], unknown: Sequence[str], world: World, model: str) -> Iterator[PlanWarning]:
    """Subjects that it does not know, too many of them, and colours that are not one for each."""
    shapes = [piece for piece in pieces if piece.kind == "shape"]
    colours = [piece.plain for piece in pieces if piece.kind == "colour"]
    alike = f", or {_or(world.numbers)} alike" if world.numbers else ""
    drawn = f"it draws one or two subjects{alike}, each a {_or(world.shapes)}"
    if unknown or not shapes:
        what = f"does not know {_named(unknown)}" if unknown else "finds no shape in this prompt"
        yield _warning("unknown_subject", f"{model} {what}: {drawn}, and shows one of those, or nothing, instead.")
    if shapes and len(colours) < len(shapes):
        told = f"{model} was always told the colour of a subject; without one it may draw none."
        yield _warning("colour_unsaid", told)
    if shapes and len(colours) > len(shapes):
        yield _warning("several_colours", f"{model} gives each subject one colour.")
    if 1 < len(shapes) == len(colours) > len(set(colours)):
        yield _warning("same_colour", f"{model} never saw two subjects of one colour: they may become one.")


def _about_numbers(pieces: Sequence[Piece], unknown: Sequence[str], world: World, model: str) -> Iterator[PlanWarning]:
    """More subjects than it draws, or numbers that it does not know."""
    shapes = [piece for piece in pieces if piece.kind == "shape"]
    counts = [piece for piece in pieces if piece.kind == "count" and piece.plain]
    several = any(piece.many for piece in shapes)
    if world.numbers and len(counts) == len(shapes) == 1 and several and not unknown:
        return
    if unknown or counts or several or len(shapes) > world.most_subjects:
        can = f"or {_or(world.numbers)} alike and nobody else, " if world.numbers else ""
        cannot = "counts no further" if world.numbers else "cannot count"
        told = f"{model} {cannot}: it draws one subject, {can}or two that are named one by one."
        yield _warning("unknown_count", told)


def _about_relations(pieces: Sequence[Piece], world: World, model: str) -> Iterator[PlanWarning]:
    """Relations that it knows, where they are not between two subjects."""
    shapes = [piece.plain for piece in pieces if piece.kind == "shape"]
    said = [piece for piece in pieces if piece.kind == "relation" and piece.plain]
    if said and len(shapes) != world.most_subjects:
        told = f"{model} was told how two subjects stand to each other: {_named([each.text for each in said])}"
        yield _warning("unknown_relation", f"{told} of {len(shapes)} is chance.")
    elif any(each.plain == "inside" for each in said) and world.around not in shapes:
        yield _warning("unknown_relation", f"{model} shows a subject inside a {world.around} and nothing else.")


def _about_words(sorts: _Sorts, world: World, model: str) -> Iterator[PlanWarning]:
    """Words that ask for what it has no notion of."""
    if sorts.relation:
        told = f"{model} does not know {_named(sorts.relation)}: where subjects stand to each other is chance."
        yield _warning("unknown_relation", told)
    if sorts.camera:
        told = f"{model} has no camera that moves or stands elsewhere: {_named(sorts.camera)} changes nothing."
        yield _warning("unknown_camera", told)
    if sorts.negation:
        told = f"{model} does not understand {_named(sorts.negation)}: what is named is shown."
        yield _warning("unknown_negation", told)
    if sorts.ground:
        told = f"{model} does not know {_named(sorts.ground)}: its grounds are {_or(world.grounds)}."
        yield _warning("unknown_ground", told)
    if sorts.other:
        yield _warning("unknown_words", f"{model} does not know {_named(sorts.other)}, and draws what is left.")


def _about_motions(pieces: Sequence[Piece], read: Rephrased, world: World, model: str) -> Iterator[PlanWarning]:
    """Motions that nobody sees, too many of them, or others than were said; and more than one ground."""
    shapes = [piece.plain for piece in pieces if piece.kind == "shape"]
    motions = [piece.plain for piece in pieces if piece.kind == "motion"]
    for change in read.changes:
        if change.lost:
            yield _warning("motion_reworded", f"{model} shows {change.text!r} as {change.meaning}: {change.lost}.")
    if shapes and len(motions) > len(shapes):
        yield _warning("several_motions", f"{model} gives each subject one motion.")
    for motion, still in world.unseen.items():
        met = [shape for shape, its in zip(shapes, motions, strict=False) if its == motion]
        if len(shapes) != len(motions) and motion in motions:
            met = shapes if still >= set(shapes) else []
        if hidden := [shape for shape in met if shape in still]:
            yield _warning("unseen_motion", f"A {motion} {hidden[0]} looks like one that stands still.")
    if sum(piece.kind == "ground" for piece in pieces) > 1:
        yield _warning("unknown_ground", f"{model} draws one ground.")


def _warning(code: str, message: str) -> PlanWarning:
    return PlanWarning(code, message, "prompt")


def _named(words: Sequence[str]) -> str:
    said = [repr(word if len(word) <= _LONGEST else f"{word[: _LONGEST - 1]}…") for word in words[:_NAMED]]
    return ", ".join(said) + (" …" if len(words) > _NAMED else "")


def _or(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"
