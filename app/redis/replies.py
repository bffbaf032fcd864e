"""What Redis answers, nested differently by protocol version and inside scripts, in one shape for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

Word: TypeAlias = str | bytes | int | float
"""What a command or a script may be given."""

Reply: TypeAlias = Sequence[Any]
"""What a script of ours answers: a word, and what goes with it."""


def mapping(reply: object) -> dict[bytes, bytes]:
    """A hash: a mapping from commands, a flat list of names and values from scripts."""
    if isinstance(reply, dict):
        return reply
    words = _listed(reply)
    return dict(zip(words[::2], words[1::2], strict=True))


def scored(reply: object) -> list[tuple[bytes, float]]:
    """Members of a sorted set with their scores: pairs, or a flat list."""
    words = _listed(reply)
    nested = bool(words) and isinstance(words[0], (list, tuple))
    pairs = words if nested else zip(words[::2], words[1::2], strict=True)
    return [(member, float(score)) for member, score in pairs]


def texts(reply: object) -> list[str]:
    """Members of a list or set."""
    return [word.decode() for word in _listed(reply)]


def entries(reply: object) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries of the one stream that XREAD was asked for; none when it has no news."""
    if not reply:
        return []
    found = _listed(next(iter(reply.values())) if isinstance(reply, dict) else _listed(_listed(reply)[0])[1])
    if found and isinstance(found[0], list) and found[0] and isinstance(found[0][0], (list, tuple)):
        found = found[0]
    return [(entry, mapping(fields)) for entry, fields in found]


def _listed(reply: object) -> list[Any]:
    """A list; Redis sends sets as such too, by protocol version."""
    if not isinstance(reply, (list, tuple, set)):
        raise TypeError(f"Redis answered with {type(reply).__name__} where a list was due.")
    return list(reply)
