"""What a language model is asked for, and its answer as scenes: one JSON object a line, or no scenes at all."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Final

from app.errors import ServiceUnavailable
from app.plan.prompt.worlds import World
from app.storyboards.drafting.options import DraftOptions

_THOUGHT: Final = "</think>"
_FIELDS: Final = frozenset(("title", "prompt", "narration"))
_MOST_TITLE: Final = 200
_JOINERS: Final = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Written:
    """A scene as the model wrote it."""

    prompt: str
    narration: str = ""
    title: str = ""


def instruction(options: DraftOptions, language: str, world: World | None) -> str:
    """What a language model is told to do with the text behind it."""
    count = f"exactly {options.scenes}" if options.scenes else f"at most {options.max_scenes}"
    length = f" The film lasts about {options.seconds:g} seconds." if options.seconds else ""
    drawn = (
        ""
        if world is None
        else (
            f" The video model knows only these colours: {', '.join(world.colours)}; "
            f"shapes: {', '.join(world.shapes)}; motions: {', '.join(world.motions)}; "
            f"grounds: {', '.join(world.grounds)}: use them for every prompt."
        )
    )
    return (
        f"Turn the following text into {count} scenes of a film.{length} Answer with one JSON object a line and "
        'nothing else, such as {"title": "Dawn", "prompt": "a red ball rises over the sea", "narration": "The day '
        'begins."}. The prompt says in English what is to be seen, one short sentence that can be understood without '
        f"the others. The narration is what is spoken, in the language {language}, in the words of the text.{drawn}"
    )


def scenes_in(told: str, options: DraftOptions, most_prompt: int, most_narration: int) -> tuple[Written, ...]:
    """The scenes that a model wrote. Raises ServiceUnavailable, with what is wrong, unless every line is one."""
    lines = [line.strip() for line in told.rpartition(_THOUGHT)[2].splitlines()]
    lines = [line for line in lines if line and not line.startswith("```")]
    if not lines:
        raise ServiceUnavailable("it wrote nothing")
    if len(lines) > options.max_scenes:
        raise ServiceUnavailable("it wrote too many scenes")
    scenes = tuple(_scene(line, number, most_prompt, most_narration) for number, line in enumerate(lines, 1))
    if options.scenes is not None and len(scenes) != options.scenes:
        raise ServiceUnavailable(f"it wrote {len(scenes)} scenes instead of {options.scenes}")
    return scenes


def _scene(line: str, number: int, most_prompt: int, most_narration: int) -> Written:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise ServiceUnavailable(f"line {number} of what it wrote is not JSON") from None
    if not isinstance(found, dict) or not set(found) <= _FIELDS or "prompt" not in found:
        raise ServiceUnavailable(f"line {number} of what it wrote is no scene")
    if not all(isinstance(value, str) for value in found.values()):
        raise ServiceUnavailable(f"line {number} of what it wrote has something else than text")
    scene = Written(**{name: " ".join(value.split()) for name, value in found.items()})
    if not any(map(str.isalnum, scene.prompt)):
        raise ServiceUnavailable(f"scene {number} shows nothing")
    if len(scene.prompt) > most_prompt or len(scene.narration) > most_narration or len(scene.title) > _MOST_TITLE:
        raise ServiceUnavailable(f"scene {number} is too long")
    if any(map(_unsafe, scene.prompt + scene.narration + scene.title)):
        raise ServiceUnavailable(f"scene {number} has characters that no text has")
    return scene


def _unsafe(char: str) -> bool:
    return char == "\ufffd" or (unicodedata.category(char)[0] == "C" and char not in _JOINERS)
