"""What a model of few words makes of a prompt, and what a person should know of a plan before it is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanWarning:
    """One thing that will not be as asked: `code` for programs, `message` for people, `param` the field it is about."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class KnownWord:
    """Words of a prompt, as they were written, and what they mean to the model: "colour red", "motion right"."""

    text: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Understood:
    """The words of a prompt that a model of few words knows, and those that it does not, in the prompt's order."""

    known: tuple[KnownWord, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewording:
    """Words that a model is told otherwise: as written, as told, what they then mean, and what of them is lost."""

    text: str
    told: str
    meaning: str
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Rephrased:
    """A prompt as a model's text encoder reads it, and what was said otherwise for that."""

    text: str
    changes: tuple[Rewording, ...] = ()
