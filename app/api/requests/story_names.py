"""The names of a storyboard's fields: an object as it was sent comes in; without nulls it goes out, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic_core import ErrorDetails

from app.api.problems import sentence
from app.api.requests.fields import MEANINGS, unknown
from app.api.requests.seed_values import BAD_SEED
from app.api.requests.video_request import MOST_SECONDS
from app.errors import InvalidRequest

STORY_MEANINGS: Final = {
    **MEANINGS,
    **dict.fromkeys(("text", "description", "visual", "image_prompt", "video_prompt", "input"), "prompt"),
    **dict.fromkeys(("voiceover", "voice_over", "speech", "script", "spoken", "say", "narrator"), "narration"),
    **dict.fromkeys(("subtitle", "subtitles", "overlay"), "caption"),
    **dict.fromkeys(("picture", "image_url", "input_reference", "first_frame", "reference_image"), "image"),
    **dict.fromkeys(("quality", "quality_tier"), "tier"),
    **dict.fromkeys(("shots", "clips", "segments", "slides"), "scenes"),
    **dict.fromkeys(("lang", "locale"), "language"),
    **dict.fromkeys(("voice_id", "speaker"), "voice"),
    **dict.fromkeys(("rate", "pace", "voice_speed"), "speed"),
    **dict.fromkeys(("transition_duration", "transition_s"), "transition_seconds"),
    **dict.fromkeys(("music", "music_volume"), "music_level"),
    **dict.fromkeys(("name", "heading"), "title"),
}
"""Other words for these fields, well enough understood to say which was meant; of a story's own, `subtitles` too."""

_SAID: Final = {
    "seed": BAD_SEED.replace("seed", "{name}", 1),
    "seconds": f"{{name}} must be a number above 0 and up to {MOST_SECONDS:g}, or a string of one.",
}
"""What is said of fields that take more than one type."""


def given(value: object, known: Iterable[str], place: str = "", keeps_nulls: bool = False) -> dict[str, object]:
    """The fields of an object at `place` ("" for the body, `scenes[2]`), without those that are null.

    Raises InvalidRequest: it is no object, or has a name that nobody knows (`unknown_parameter`); `param` is the place.
    """
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{place or 'The body'} must be an object.", place or None)
    names = tuple(known)
    for name in value:
        if name not in names:
            refused = unknown(str(name), names, STORY_MEANINGS)
            raise InvalidRequest(refused.message, inside(place, str(name)[:80]), refused.error_code)
    return {name: each for name, each in value.items() if keeps_nulls or each is not None}


def inside(place: str, name: str) -> str:
    """The name of a field of what lies at `place`."""
    return f"{place}.{name}" if place else name


def named_at(error: ErrorDetails, place: str = "") -> tuple[str, str]:
    """A sentence and the field's name for one of pydantic's records, where the object lies at `place`."""
    name = place
    for part in error["loc"]:
        name = f"{name}[{part}]" if isinstance(part, int) else inside(name, part)
        if part in _SAID:
            return _SAID[str(part)].format(name=name), name
    said, _ = sentence({**error, "loc": (name,)})
    return said, name
