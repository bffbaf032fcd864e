"""What a cache's breaker does becomes entries in the log of recoveries, written beside the calls that meet it."""

from __future__ import annotations

from collections.abc import Callable

from app.health.recoveries import Cause, Recoveries, Signal
from app.service.background import Background


class BreakerReports:
    """Called with True when it opens, with False when it closes.

    While Redis is away the log may be, too: what it has not taken goes with the next report, so with the closing.
    """

    def __init__(self, recoveries: Recoveries, background: Background, clock: Callable[[], float]) -> None:
        self._recoveries, self._background, self._clock = recoveries, background, clock

    def __call__(self, opened: bool) -> None:
        said = "It failed, and is left alone." if opened else "It answers again, and is used."
        signal = Signal(Cause.CACHE_BREAKER, "shared tier", "began" if opened else "ended", said, self._clock())
        self._background.spawn(self._recoveries.record(signal), "a report of the breaker")
