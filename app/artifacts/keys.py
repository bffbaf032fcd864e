"""What an artifact key may look like: it becomes part of a path or URL, so it is checked before anything is touched."""

from __future__ import annotations

import re

from app.errors import NotFound

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_KEY = re.compile(rf"{_PART}(/{_PART}){{0,5}}")


def check_key(key: str) -> str:
    """The key itself: up to six names of letters, digits, `_`, `-` and `.`, none of which begins with a dot.

    Raises NotFound for anything else: nothing can be stored under it.
    """
    if not isinstance(key, str) or not is_key(key):
        raise NotFound("There is no such artifact.")
    return key


def is_key(text: str) -> bool:
    """Whether something can be stored under it; a file that is still being written has a name that is none."""
    return _KEY.fullmatch(text) is not None
