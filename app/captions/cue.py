"""A cue: one text that is shown for a while, on one or two lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    """`lines` in logical order (right-to-left text is not turned round here); times in seconds of the film."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)
