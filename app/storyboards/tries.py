"""How often a storyboard that raises is tried, and after which pauses: policy, without clock or I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.errors import RetryLater

MOST: Final = 5  # of what may be broken for good
MOST_AWAY: Final = 3000  # of what is only away or full: a day, at the longest pause
FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0


def gives_up(error: Exception, tries: int) -> bool:
    """Whether an error ends what it happened to, after so many tries in a row, at least one."""
    return tries >= (MOST_AWAY if isinstance(error, RetryLater) else MOST)


def next_try_s(tries: int, errors: Iterable[Exception]) -> float:
    """The pause after so many tries in a row, at least one: doubling, and as long as who is away or full asks for."""
    asked_s = max((error.retry_after_s for error in errors if isinstance(error, RetryLater)), default=0.0)
    return min(LONGEST_S, max(asked_s, FIRST_S * 2.0 ** min(max(0, tries - 1), 16)))
