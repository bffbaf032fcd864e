"""What the engine's thread counts between two heartbeats: batches and preemptions; the loop takes them."""

from __future__ import annotations

import threading
from collections import Counter

URGENT, MEMORY = "urgent", "memory"


class Tally:
    """Counts of one replica since they were last taken. For any thread; a count takes microseconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: Counter[int] = Counter()
        self._preempted: Counter[str] = Counter()

    def forward(self, jobs: int) -> None:
        """A forward that so many jobs shared."""
        with self._lock:
            self._batches[jobs] += 1

    def preempted(self, reason: str, jobs: int = 1) -> None:
        """So many jobs gave up their slot: to more `URGENT` ones, or for want of `MEMORY`."""
        with self._lock:
            self._preempted[reason] += jobs

    def take(self) -> tuple[dict[int, int], dict[str, int]]:
        """Forwards by batch size, and preemptions by reason; both begin again."""
        with self._lock:
            batches, self._batches = self._batches, Counter()
            preempted, self._preempted = self._preempted, Counter()
        return dict(batches), dict(preempted)
