"""How long packed forwards take, by mix: measured at start-up and at work, published for the batcher."""

from __future__ import annotations

import math
from collections import Counter

from app.line.packing import Mix, Packed, volume

_FASTER, _SLOWER = 0.2, 0.04  # weights of a new time in the running mean, when it is below and above it
_SETTLED = 3  # times of a mix, after which it can be judged
_STALE = 400  # forwards, after which a mix not formed since is tried anew
_LOOK = 50  # forwards between two looks at what has grown old
_MOST = 1024  # mixes remembered; the one not formed for the longest goes


class PackTimes:
    """Running means of packed forwards, as `Packed`."""

    def __init__(self) -> None:
        self.published = Packed()
        self._means: dict[Mix, float] = {}  # in the order in which they were last formed
        self._seen: Counter[Mix] = Counter()
        self._last: dict[Mix, int] = {}
        self._forwards = 0
        self._limit = math.inf

    def learn(self, mix: Mix, seconds: float, settled: bool = False) -> None:
        """Take in a forward's time, or one that was `settled` by measuring several. The first may be a slow start."""
        self._forwards += 1
        if self._forwards - self._last.get(mix, self._forwards) > _STALE:
            self._seen[mix] = 0
        self._last[mix] = self._forwards
        before, seen = self._means.pop(mix, seconds), self._seen[mix]
        if settled or not seen:
            mean = seconds
        elif seen < _SETTLED:
            mean = min(before, seconds)
        else:
            mean = before + (_FASTER if seconds < before else _SLOWER) * (seconds - before)
        self._means[mix] = mean
        self._seen[mix] = _SETTLED if settled else min(seen + 1, _SETTLED)
        self._publish()

    def refuse(self, mix: Mix, memory: bool) -> None:
        """It failed as a whole, where its jobs do not: for want of `memory`, which then refuses all as large."""
        if memory:
            self._limit = min(self._limit, volume(mix))
            self._publish()
        else:
            self.learn(mix, math.inf, settled=True)

    def pass_by(self) -> None:
        """A forward of one shape was made: what is known of the mixes grows older."""
        self._forwards += 1
        if self._means and self._forwards % _LOOK == 0:
            self._publish()

    def _publish(self) -> None:
        while len(self._means) > _MOST:
            gone = next(iter(self._means))
            del self._means[gone], self._seen[gone], self._last[gone]
        settled = frozenset(
            mix
            for mix in self._means
            if self._means[mix] == math.inf
            or (self._seen[mix] >= _SETTLED and self._forwards - self._last[mix] <= _STALE)
        )
        self.published = Packed(dict(self._means), settled, self._limit)
