"""Whose files are made next in a Finisher: so many at a time, by class of priority, then by tenants' shares."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from app.line.fair_share import TenantShare
from app.line.rules import NORMAL, PRIORITIES, Rules

_LEARNS = 0.2  # of what the last work took, in what the next is expected to


def cores() -> int:
    """Works at a time that leave a core to requests and steps, where there are several."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there - 1)


@dataclass(eq=False, slots=True)
class _Work:
    """A piece of work that waits for its turn, or has it."""

    tenant: str
    level: int
    number: int
    free: asyncio.Event = field(default_factory=asyncio.Event)


class TenantTurns:
    """At most `at_once` turns at a time. Belongs to one event loop.

    Start-time fair queueing with borrowed time, as the batcher has it (`app.line.fair_share`): a tenant's turns are
    charged by the seconds that they take over its weight, and who has had least is next. A turn under way counts as
    what turns have taken lately, so that several that begin at once are not all of one tenant.
    """

    def __init__(self, rules: Rules, at_once: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        self._at_once = at_once
        self._monotonic = monotonic
        self._share = TenantShare(rules.borrow)
        self._numbers = count()
        self._waiting: list[_Work] = []
        self._working: list[_Work] = []
        self._usual_s = 0.0

    @asynccontextmanager
    async def turn(self, tenant: str, priority: str = "") -> AsyncIterator[None]:
        """Wait for a turn, and have it until the block ends."""
        work = _Work(tenant, PRIORITIES.get(priority, NORMAL), next(self._numbers))
        self._share.enter(tenant, {each.tenant for each in (*self._waiting, *self._working)})
        self._waiting.append(work)
        self._go_on()
        try:
            await work.free.wait()
        except BaseException:
            self._leave(work)
            raise
        began = self._monotonic()
        try:
            yield
        finally:
            took_s = self._monotonic() - began
            self._usual_s += (_LEARNS if self._usual_s else 1.0) * (took_s - self._usual_s)
            self._share.charge([(tenant, took_s / self._rules.weight(tenant))])
            self._leave(work)

    def _leave(self, work: _Work) -> None:
        (self._working if work in self._working else self._waiting).remove(work)
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and len(self._working) < self._at_once:
            work = min(self._waiting, key=self._places())
            self._waiting.remove(work)
            self._working.append(work)
            work.free.set()

    def _places(self) -> Callable[[_Work], tuple[int, float, int]]:
        starts = self._share.starts({each.tenant for each in (*self._waiting, *self._working)})
        begun = Counter(each.tenant for each in self._working)

        def place(work: _Work) -> tuple[int, float, int]:
            under_way = begun[work.tenant] * self._usual_s / self._rules.weight(work.tenant)
            return -work.level, starts[work.tenant] + under_way, work.number

        return place
