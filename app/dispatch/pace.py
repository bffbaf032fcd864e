"""How often what goes on beside the passes looks: seldom while nothing waits or runs, at once when that ends."""

from __future__ import annotations

import asyncio

import anyio


class Pace:
    """Told by each pass whether there is anything to do; until the first has ended there is."""

    def __init__(self) -> None:
        self._busy = asyncio.Event()
        self._busy.set()

    def found(self, busy: bool) -> None:
        """What a pass has seen."""
        if busy:
            self._busy.set()
        else:
            self._busy.clear()

    async def pause(self, busy_s: float, idle_s: float) -> None:
        """Wait `busy_s`, or, while there is nothing to do, up to `idle_s` for a pass that finds something."""
        if self._busy.is_set():
            await asyncio.sleep(busy_s)
            return
        with anyio.move_on_after(idle_s):
            await self._busy.wait()
