"""Who tries keys that are none is slowed: wrong keys by client over a moving window, in this process."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from app.access.forwarded import network_of

WINDOW_S: Final = 60.0
MOST: Final = 20
"""Wrong keys of one client in a window, after which it is told to wait. A valid key is never held up."""
MOST_CLIENTS: Final = 10_000


class WrongKeys:
    """The last wrong keys of each client, by the part of the network that it has for itself."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, address: str) -> float:
        """Count one; for how long the client is to wait, 0.0 while it has not tried too many."""
        now, client = self._monotonic(), network_of(address)
        times = self._seen.setdefault(client, deque(maxlen=MOST))
        self._seen.move_to_end(client)
        if len(self._seen) > MOST_CLIENTS:
            self._seen.popitem(last=False)
        while times and now - times[0] >= WINDOW_S:
            times.popleft()
        if len(times) == MOST:
            return times[0] + WINDOW_S - now
        times.append(now)
        return 0.0
