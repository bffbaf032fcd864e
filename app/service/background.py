"""Work that goes on beside the calls of a process: started here, kept alive here, and its death is told here."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("kinoray")


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

    def _start(self, work: Coroutine[Any, Any, Any], name: str, forever: bool) -> asyncio.Task[Any]:
        # An empty context: what runs here must not be cancelled with the call that happened to start it.
        task = contextvars.Context().run(asyncio.ensure_future, work)
        task.set_name(f"forever:{name}" if forever else name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        name = task.get_name()
        if name.startswith("forever:"):
            self._died = f"{name.removeprefix('forever:')} has died: {error or 'it ended'}"
            log.error("%s", self._died, exc_info=error)
        elif error is not None:
            log.warning("%s failed", name, exc_info=error)
