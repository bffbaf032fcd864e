"""Text that may hold an address comes in, the same without user names, passwords and tokens in addresses goes out."""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "***"
_LOGIN = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s'\"<>]*@", re.IGNORECASE)  # greedy: a password may have an @, or a /
_TOKEN = re.compile(r"([?&][^=\s&]*(?:pass|secret|token|key|sig|auth|credential)[^=\s&]*=)[^&\s'\"<>]*", re.IGNORECASE)


def masked(text: str) -> str:
    """The text with `***` for what stands before the host of an address, and for what a secret parameter is set to."""
    return _TOKEN.sub(rf"\1{HIDDEN}", _LOGIN.sub(rf"\1{HIDDEN}@", text))


def holds_secret(text: str) -> bool:
    """Whether there is anything to mask."""
    return masked(text) != text
