"""A file in the artifact store, as records name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored result. `key` is the place in the artifact store; never a path of a machine."""

    key: str
    content_type: str
    size_bytes: int
