"""What no line may say: a text comes in, and goes out without passwords, keys and what the settings hold as secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final

HIDDEN: Final = "***"
UNSAID: Final = "…"
LEAST_CHARS: Final = 4  # a shorter secret is no secret, and would blank ordinary words
_PASSWORD: Final = re.compile(r"(\w://[^/@\s:\"']*):[^@\s\"']+@")
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{6,}")
_WEBHOOK: Final = re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,}")


class Hiding:
    """Puts stars in the place of secrets: those it is told of, whole or as JSON has them, and what looks like one."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        told = {form for each in secrets if len(each) >= LEAST_CHARS for form in (each, json.dumps(each)[1:-1])}
        # The longest first: one secret may begin with another.
        self._told = re.compile("|".join(map(re.escape, sorted(told, key=len, reverse=True)))) if told else None

    def __call__(self, text: str) -> str:
        if self._told is not None:
            text = self._told.sub(HIDDEN, text)
        if "://" in text:
            text = _PASSWORD.sub(rf"\1:{HIDDEN}@", text)
        text = _BEARER.sub(rf"\1\2{HIDDEN}", text)
        return _WEBHOOK.sub(HIDDEN, text) if "whsec_" in text else text


def without(value: object, private: Collection[str]) -> object:
    """A value of a line without these texts, as they are or as `repr` and JSON write them; longer ones first."""
    if isinstance(value, str):
        for each in sorted(private, key=len, reverse=True):
            for form in (each, repr(each)[1:-1], json.dumps(each)[1:-1], json.dumps(each, ensure_ascii=False)[1:-1]):
                value = value.replace(form, UNSAID)
        return value
    if isinstance(value, dict):
        return {name: without(each, private) for name, each in value.items()}
    return [without(each, private) for each in value] if isinstance(value, (list, tuple)) else value
