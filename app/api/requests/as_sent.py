"""The names that a client sent: a refusal comes in, the same by those names goes out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.api.requests.fields import ALIASES, PICTURE

_PLANNED: Final = {"steps": "num_inference_steps", "frames": "num_frames", "guidance": "guidance_scale"}
"""The planner's names -> those of the API."""
_OWN: Final = {**ALIASES, **_PLANNED, "negative": "negative_prompt"}


class Sent:
    """The names that came with a request. `first`: where the picture to begin with stands in a list."""

    def __init__(self, names: Iterable[str], first: str | None = None) -> None:
        self._names = tuple(names)
        self._first = first

    def told(self, message: str, param: str | None) -> tuple[str, str | None]:
        """A refusal's sentence and field as the client knows them."""
        if param is None:
            return message, None
        name = self._name(param)
        for begun in (param, _OWN.get(param, param)):
            if message.startswith(f"{begun} "):
                return f"{name}{message[len(begun) :]}", name
        return message, name

    def _name(self, param: str) -> str:
        if param in self._names:
            return param
        own = _OWN.get(param, param)
        if own == PICTURE and self._first is not None and PICTURE not in self._names:
            return self._first
        if own in self._names:
            return own
        return next((name for name in self._names if _OWN.get(name) == own), own)
