"""Keeps one attempt's checkpoints: made into bytes on another thread, stored under the fence, the newest one wins."""

from __future__ import annotations

import asyncio
import logging
import time

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import JobState
from app.engine.loop import Engine
from app.errors import LeaseLost, StoreUnavailable
from app.jobs.checkpoints import Checkpoints

log = logging.getLogger("ray.serve")


class Keeper:
    """One save at a time, off the path of the steps; what comes meanwhile waits, and only the newest of it."""

    def __init__(self, checkpoints: Checkpoints, engine: Engine, most_bytes: int) -> None:
        self._checkpoints = checkpoints
        self._engine = engine
        self._most_bytes = most_bytes
        self._next: tuple[str, int, JobState] | None = None
        self._saving: asyncio.Task[None] | None = None

    def take(self, job_id: str, fence: int, state: JobState) -> None:
        """Keep this state as soon as the save under way is over."""
        self._next = (job_id, fence, state)
        if self._saving is None or self._saving.done():
            self._saving = asyncio.ensure_future(self._save())

    async def settle(self) -> None:
        """Wait until all that was taken is stored, or cannot be."""
        if self._saving is not None:
            await asyncio.shield(self._saving)

    async def _save(self) -> None:
        while self._next is not None:
            (job_id, fence, state), self._next = self._next, None
            began = time.monotonic()
            data = await asyncio.to_thread(to_bytes, state)
            if len(data) > self._most_bytes:
                log.info("The checkpoint of %s has %d bytes: not kept", job_id, len(data))
                return
            try:
                await self._checkpoints.put(job_id, fence, data)
            except LeaseLost:
                return
            except StoreUnavailable as error:  # the next one may find the store again
                log.warning("No checkpoint of %s: %s", job_id, error)
                return
            self._engine.checkpoint_cost(time.monotonic() - began)
