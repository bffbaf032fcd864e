"""The version that stands in every key of a shared store, so that another version's bytes are never read."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

FORMAT = 2
"""Raise it when entries are laid out in another way; a release is a version of its own by itself."""


@cache
def cache_version() -> str:
    """Such as "2-0.1.0": the entries' format and the release that wrote them. What other versions keep runs out."""
    try:
        return f"{FORMAT}-{installed('kinoray')}"
    except PackageNotFoundError:
        return f"{FORMAT}-0"
