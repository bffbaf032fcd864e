"""Remembers that the shared tier failed, so that requests do not wait for a dead Redis one after another."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 10.0


class Breaker:
    """Closed until a failure; then one call a while is let through to look, 1 s at first and 10 s at most."""

    def __init__(
        self, first_s: float = FIRST_S, longest_s: float = LONGEST_S, told: Callable[[bool], None] | None = None
    ) -> None:
        """`told` hears True when it opens and False when it closes."""
        self._told = told
        self._first_s = first_s
        self._longest_s = longest_s
        self._wait_s = 0.0
        self._until = 0.0
        self._looking = False

    def allows(self, now: float) -> bool:
        """Whether to try; a True after a failure is for one caller only, who must report back."""
        if self._wait_s == 0:
            return True
        if now < self._until:
            return False
        self._until = now + self._wait_s
        self._looking = True
        return True

    def failed(self, now: float) -> None:
        """The call did not succeed."""
        if self._wait_s and not self._looking:
            return  # one of several that failed together
        self._looking = False
        opened = self._wait_s == 0
        self._wait_s = min(self._longest_s, 2 * self._wait_s or self._first_s)
        self._until = now + self._wait_s
        if opened and self._told is not None:
            self._told(True)

    def worked(self) -> None:
        """The call succeeded."""
        closed = self._wait_s > 0
        self._wait_s = 0.0
        self._looking = False
        if closed and self._told is not None:
            self._told(False)
