"""Work that goes on beside the calls of a process: started here, kept alive here, and its death is told here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.tracing.carry import fresh_context

T = TypeVar("T")
log = logging.getLogger("kinoray")
FOREVER = "forever:"  # begins the name of a task that is not to end


class Background:
    """The tasks of one deployment. Those that are to run for ever make it unwell when they end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._died: str | None = None

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start work that ends by itself; an error that nobody awaits is logged."""
        return self._start(work, name, forever=False)

    def keep(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start work without end: if it ends or raises, `check` says so from then on."""
        return self._start(work, name, forever=True)

    async def whole(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Do work that goes on to its end though whoever waits for it here is cancelled. Raises what it raises.

        `anyio`'s shield is not enough for that: it keeps out the cancel of an anyio scope, not `Task.cancel`.
        """
        task = self._begin(work, name)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._ended)  # nobody waits for its error any more
            raise

    async def settled(self, within_s: float) -> bool:
        """Wait for all that ends by itself; whether it has."""
        ending = [task for task in self._tasks if not task.get_name().startswith(FOREVER)]
        return not ending or not (await asyncio.wait(ending, timeout=within_s))[1]

    def check(self) -> None:
        """Raises RuntimeError, naming it, when work that should run for ever has died."""
        if self._died is not None:
            raise RuntimeError(self._died)

    async def close(self) -> None:
        """Cancel all that is still running, and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.remove_done_callback(self._ended)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _start(self, work: Coroutine[Any, Any, T], name: str, forever: bool) -> asyncio.Task[T]:
        task = self._begin(work, f"{FOREVER}{name}" if forever else name)
        task.add_done_callback(self._ended)
        return task

    def _begin(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        # A fresh context: what runs here must not be cancelled with the call that happened to start it.
        task = fresh_context().run(asyncio.ensure_future, work)
        task.set_name(name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        name = task.get_name()
        if name.startswith(FOREVER):
            self._died = f"{name.removeprefix(FOREVER)} has died: {error or 'it ended'}"
            log.error("%s", self._died, exc_info=error)
        elif error is not None:
            log.warning("%s failed", name, exc_info=error)
