"""Since when each component is as it is: what was noted before and what is seen now come in, the new note goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

NOTE: Final = "component_since"
"""The name of the note on the board: all Routers share it."""
NOTE_TTL_S: Final = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Since:
    """A status, and when it was first seen, Unix seconds."""

    status: str
    at: float


_NOTE = TypeAdapter(dict[str, Since])


def since_to_note(known: Mapping[str, Since]) -> dict[str, object]:
    """The record as JSON values."""
    return {name: {"status": each.status, "at": each.at} for name, each in known.items()}


def since_from_note(note: Mapping[str, object] | None) -> dict[str, Since]:
    """The record of a note; without one, or of one that makes no sense, nothing is known."""
    try:
        return {} if note is None else _NOTE.validate_python(note)
    except ValidationError:
        return {}


def updated(known: Mapping[str, Since], statuses: Mapping[str, str], now: float) -> dict[str, Since]:
    """What is known after this look: who is as before is so since then, who is gone is forgotten."""
    return {
        name: known[name] if name in known and known[name].status == status else Since(status, now)
        for name, status in statuses.items()
    }
