"""The version that stands in every key of a shared store, so that another version's bytes are never read."""

from __future__ import annotations

from app import __version__

FORMAT = 2
"""Raise it when entries are laid out in another way; a release is a version of its own by itself."""


def cache_version() -> str:
    """Such as "2-0.2.0": the entries' format and the release that wrote them. What other versions keep runs out."""
    return f"{FORMAT}-{__version__}"
