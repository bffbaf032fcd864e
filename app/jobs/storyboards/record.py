"""Turns storyboards into JSON bytes and back: what is kept is read by another version some day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson
from pydantic import TypeAdapter

from app.errors import StoreUnavailable
from app.types.storyboard import Storyboard

FORM = 2
"""The newest form of a record; a reader refuses what is newer than itself, and fills in what an older one lacks."""
PLAIN_FORM = 1

_STORY = TypeAdapter(Storyboard)


def story_to_json(story: Storyboard) -> bytes:
    """The whole record, with its form."""
    wishes = (*story.wish.scenes, *(scene.wish for scene in story.scenes))
    form = FORM if any(wish.references for wish in wishes) else PLAIN_FORM  # which an older one would leave out
    return orjson.dumps({"form": form, "story": story})


@lru_cache(maxsize=256)
def story_from_json(data: bytes) -> Storyboard:
    """Raises StoreUnavailable when the record is damaged or was written by a newer Kinoray."""
    try:
        values = orjson.loads(data)
        if (form := values["form"]) > FORM:
            raise StoreUnavailable(f"A storyboard has form {form}; this Kinoray reads up to {FORM}. Update it.")
        return _STORY.validate_python(values["story"])
    except (ValueError, KeyError, TypeError) as error:  # damaged JSON and what pydantic refuses are ValueErrors, too
        raise StoreUnavailable(f"The record of a storyboard is damaged: {type(error).__name__}.") from error


def story_from_fields(kept: Mapping[bytes, bytes]) -> Storyboard:
    """A record as kept in one hash. Raises StoreUnavailable.

    The fence is that beside the record: a restore lifts it into its epoch (`app.jobs.epoch`) without reading JSON.
    """
    try:
        story = story_from_json(kept[b"record"])
        return replace(story, fence=max(story.fence, int(kept[b"fence"])))
    except (KeyError, ValueError) as error:
        raise StoreUnavailable(f"The record of a storyboard is damaged: {type(error).__name__}.") from error


def story_to_fields(story: Storyboard) -> dict[str, Any]:
    """As kept in one hash: whole, and beside it what the scripts look at."""
    return {
        "record": story_to_json(story),
        "tenant": story.tenant,
        "created_at": repr(story.created_at),
        "phase": story.phase.value,
        "version": story.version,
        "revision": story.revision,
        "fence": story.fence,
    }
