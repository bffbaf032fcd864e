"""Reads and waits for the same are one: a thousand followers of a job ask Redis what one would ask, not a thousand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Wait:
    task: asyncio.Future[Any]
    waiting: int = 0


class SharedWaits:
    """Calls under way by what they wait for."""

    def __init__(self) -> None:
        self._waits: dict[Hashable, _Wait] = {}

    def __len__(self) -> int:
        return len(self._waits)

    async def share(self, what: Hashable, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer of the call that waits for `what`: the one under way, or this one. It ends with its last waiter.

        Raises what the call raises.
        """
        wait = self._waits.get(what)
        if wait is None:
            wait = self._waits[what] = _Wait(asyncio.ensure_future(call()))
            wait.task.add_done_callback(lambda _: self._forget(what, wait))
        wait.waiting += 1
        try:
            return await asyncio.shield(wait.task)
        finally:
            wait.waiting -= 1
            if not wait.waiting and not wait.task.done():
                self._forget(what, wait)  # who comes now needs another: this one ends
                wait.task.cancel()

    def _forget(self, what: Hashable, wait: _Wait) -> None:
        if self._waits.get(what) is wait:
            del self._waits[what]
