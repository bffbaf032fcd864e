"""What a key may: six scopes by name, and what is held against a caller before a route does anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.errors import InsufficientScope
from app.types import Caller
from app.types.words import OPERATE

VIDEOS_WRITE: Final = "videos:write"
VIDEOS_READ: Final = "videos:read"
STORYBOARDS: Final = "storyboards"
UPLOADS: Final = "uploads"
STATS: Final = "stats"

SCOPES: Final = {
    VIDEOS_WRITE: "Ask for videos, cancel and delete them, rate them, keep styles",
    VIDEOS_READ: "Look at videos, follow and fetch them; models, styles and plans",
    STORYBOARDS: "Storyboards: ask for them, look at, follow, change, fetch and delete them",
    UPLOADS: "Uploads: pictures, adapters",
    STATS: "The tenant's own figures",
    OPERATE: "Run the service: keys, audit, caches, everyone's figures",
}
"""By name, what each allows; none includes another."""
OF_TENANTS: Final = frozenset(SCOPES) - {OPERATE}
"""What a key may that says nothing of scopes."""
ALL: Final = frozenset(SCOPES)


def checked_scopes(names: Iterable[str]) -> frozenset[str]:
    """The same as a set. Raises ValueError for a name that is no scope, or for none at all."""
    found = frozenset(names)
    if unknown := sorted(found - ALL):
        raise ValueError(f"there is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
    if not found:
        raise ValueError(f"at least one scope is needed, of {', '.join(SCOPES)}")
    return found


def require(caller: Caller, scopes: Iterable[str]) -> None:
    """Raises InsufficientScope, which names the first scope that the caller lacks."""
    for scope in scopes:
        if scope not in caller.scopes:
            raise InsufficientScope(f"Your key lacks the scope {scope}: {SCOPES[scope].lower()}.", scope)
