"""The port to job events: replicas write them, every router can replay and follow them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from app.types import Event


class EventLog(Protocol):
    """An ordered, bounded log of events per job, kept as long as the job. Raises StoreUnavailable."""

    async def append(self, job_id: str, kind: str, at: float, data: dict[str, Any], fence: int | None = None) -> str:
        """Add one event; returns its id (ids grow).

        With a fence, only while that is the job's: whoever runs an attempt gives it. Raises LeaseLost.
        """
        ...

    async def read(self, job_id: str, after: str | None, block_s: float) -> Sequence[Event]:
        """Events behind `after` (None: from the start), waiting up to `block_s` for the first."""
        ...

    async def forget(self, job_id: str) -> None:
        """Drop a job's events."""
        ...


class StopSignals(Protocol):
    """Tells replicas at once that a job must stop; best effort, the fence is the truth."""

    async def send(self, job_id: str) -> None:
        """Tell every listening replica that the job must stop."""
        ...

    def listen(self) -> AsyncIterator[str]:
        """Ids of jobs to stop, and names of replicas that are to leave, as they come; goes on over reconnects."""
        ...
