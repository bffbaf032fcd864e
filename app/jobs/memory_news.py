"""Who waits in this process for news, each for a time: what a blocking read is to those who read from Redis."""

from __future__ import annotations

import asyncio


class Waiters:
    """Those who wait for one thing."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[bool], None] = {}  # in the order in which they came

    def wake(self) -> None:
        """All of them."""
        waiting, self._waiting = self._waiting, {}
        for each in waiting:
            _settle(each, True)

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Until woken, or for so long (None: without end); whether woken."""
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[bool] = loop.create_future()
        self._waiting[mine] = None
        timer = None if timeout_s is None else loop.call_later(timeout_s, _settle, mine, False)
        try:
            return await mine
        finally:
            self._waiting.pop(mine, None)
            if timer is not None:
                timer.cancel()

    @property
    def nobody(self) -> bool:
        return not self._waiting


class Bell(Waiters):
    """Heard also by who comes after it has rung, until it is cleared."""

    def __init__(self) -> None:
        super().__init__()
        self._rung = False

    def set(self) -> None:
        self._rung = True
        self.wake()

    def clear(self) -> None:
        self._rung = False

    async def wait(self, timeout_s: float | None = None) -> bool:
        return self._rung or await super().wait(timeout_s)


class News:
    """Waiters by the name of what they wait for."""

    def __init__(self) -> None:
        self._by_name: dict[str, Waiters] = {}

    def tell(self, name: str) -> None:
        """There is something new under that name."""
        waiters = self._by_name.pop(name, None)
        if waiters is not None:
            waiters.wake()

    async def wait(self, name: str, timeout_s: float) -> bool:
        """Until there is, or for so long; whether there is."""
        waiters = self._by_name.setdefault(name, Waiters())
        try:
            return await waiters.wait(timeout_s)
        finally:
            if waiters.nobody and self._by_name.get(name) is waiters:
                del self._by_name[name]


def _settle(waiter: asyncio.Future[bool], woken: bool) -> None:
    if not waiter.done():
        waiter.set_result(woken)
