"""Writes one attempt's checkpoints: made into bytes on another thread, stored under the fence, the newest one wins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.errors import LeaseLost, StoreUnavailable
from app.jobs.checkpoints import Checkpoints
from app.service.background import Background
from app.telemetry import FENCES_REFUSED, Meter, figure

if TYPE_CHECKING:
    from app.engine.denoiser import JobState

log = logging.getLogger(__name__)


class CheckpointWriter:
    """One write at a time, off the path of the steps; what comes meanwhile waits, and only the newest of it.

    `to_bytes` makes a state into what is stored. `cost` hears what each took, in seconds of `monotonic`: the engine's
    checkpoint policy goes by it.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        meter: Meter,
        most_bytes: int,
        to_bytes: Callable[[JobState], bytes],
        cost: Callable[[float], None],
        background: Background,
        monotonic: Callable[[], float],
    ) -> None:
        self._checkpoints = checkpoints
        self._meter = meter
        self._most_bytes = most_bytes
        self._to_bytes = to_bytes
        self._cost = cost
        self._background = background
        self._monotonic = monotonic
        self._next: tuple[str, int, JobState] | None = None
        self._writing: asyncio.Task[None] | None = None

    def take(self, job_id: str, fence: int, state: JobState) -> None:
        """Write this state as soon as the write under way is over."""
        self._next = (job_id, fence, state)
        if self._writing is None or self._writing.done():
            self._writing = self._background.spawn(self._write(), f"checkpoints of {job_id}")

    async def settle(self) -> None:
        """Wait until all that was taken is stored, or cannot be."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write(self) -> None:
        while self._next is not None:
            (job_id, fence, state), self._next = self._next, None
            began = self._monotonic()
            data = await asyncio.to_thread(self._to_bytes, state)
            if len(data) > self._most_bytes:
                log.info("The checkpoint of %s has %d bytes: not kept", job_id, len(data))
                return
            try:
                await self._checkpoints.put(job_id, fence, data)
            except LeaseLost:
                await self._meter.add({figure(FENCES_REFUSED, "checkpoint"): 1})
                return
            except StoreUnavailable as error:  # the next one may find the store again
                log.warning("No checkpoint of %s: %s", job_id, error)
                return
            self._cost(self._monotonic() - began)
