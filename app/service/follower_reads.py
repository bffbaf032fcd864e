"""What followers read between two pieces of news: of many who want the same one asks; a short outage ends no stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio

from app.errors import StoreUnavailable
from app.jobs.shared_waits import SharedWaits
from app.jobs.store import JobStore, find
from app.types import Job

PATIENCE_S: Final = 30.0
"""So long a stream stays open while the store is away: were it to end, all that follow would come again at once."""
PAUSE_S: Final = 0.5

T = TypeVar("T")


class FollowerReads:
    """Reads under way, for streams alone: an answer may be as old as a read that had begun when it was asked for."""

    def __init__(self) -> None:
        self._shared = SharedWaits()

    async def once(self, what: tuple[str | None, ...], call: Callable[[], Awaitable[T]]) -> T:
        """The answer of the call under way by that name, or of this one. Raises what it raises."""
        answer: T = await self._shared.share(what, call)
        return answer

    async def find(self, jobs: JobStore, job_id: str, tenant: str) -> Job | None:
        """A record, None where there is none. Raises StoreUnavailable."""
        return await self.once(("job", job_id, tenant), lambda: find(jobs, job_id, tenant))


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The answer, asked for again while the store is away. Raises StoreUnavailable after `PATIENCE_S`."""
    until = anyio.current_time() + PATIENCE_S
    while True:
        try:
            return await call()
        except StoreUnavailable:
            if anyio.current_time() >= until:
                raise
        await anyio.sleep(PAUSE_S)
