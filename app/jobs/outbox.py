"""The port to the outbox: ended jobs whose webhooks are still to be told; the store puts them in as they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.jobs.memory import MemoryJobs


class Outbox(Protocol):
    """Ids of ended jobs, each with the time from which anyone may try (Unix seconds). Raises StoreUnavailable.

    A job enters in the same write that ends it, and leaves when its webhook was told, was given up, or the job is
    deleted. So no death of a process loses one.
    """

    async def claim(self, now: float, until: float, limit: int) -> Sequence[str]:
        """Those that are due, the longest first; nobody else gets them before `until`."""
        ...

    async def put_off(self, job_id: str, until: float) -> None:
        """Try again from `until`; one that has left stays out."""
        ...

    async def close(self, job_id: str) -> None:
        """Nothing more is to be told."""
        ...

    async def waiting(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are in it."""
        ...

    async def count(self) -> int:
        """How many there are."""
        ...

    async def due_before(self, at: float) -> int:
        """How many could have been told since then, and nobody has claimed."""
        ...


class MemoryOutbox:
    """The Outbox port beside jobs in this process: tests and tools."""

    def __init__(self, jobs: MemoryJobs) -> None:
        self._due = jobs.outbox

    async def claim(self, now: float, until: float, limit: int) -> Sequence[str]:
        found = sorted((at, job_id) for job_id, at in self._due.items() if at <= now)[:limit]
        self._due.update((job_id, until) for _, job_id in found)
        return [job_id for _, job_id in found]

    async def put_off(self, job_id: str, until: float) -> None:
        if job_id in self._due:
            self._due[job_id] = until

    def enter(self, name: str, at: float) -> None:
        """Put in what is no job's end; the other store's scripts do it by themselves."""
        self._due[name] = at

    async def close(self, job_id: str) -> None:
        self._due.pop(job_id, None)

    async def waiting(self, job_ids: Sequence[str]) -> set[str]:
        return self._due.keys() & set(job_ids)

    async def count(self) -> int:
        return len(self._due)

    async def due_before(self, at: float) -> int:
        return sum(due < at for due in self._due.values())
