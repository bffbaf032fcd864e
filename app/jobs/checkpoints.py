"""The port to checkpoints: what another replica needs to go on with a job whose replica is gone."""

from __future__ import annotations

from typing import Protocol

from app.errors import JobNotFound, LeaseLost
from app.jobs.store import JobStore


class Checkpoints(Protocol):
    """The newest checkpoint of each running job, kept until the job has ended. Raises StoreUnavailable."""

    async def put(self, job_id: str, fence: int, data: bytes) -> None:
        """Keep this one instead of the last. Raises LeaseLost when another attempt or a cancel has taken over."""
        ...

    async def get(self, job_id: str) -> bytes | None:
        """The newest checkpoint of the job, by whichever attempt, or None."""
        ...


class MemoryCheckpoints:
    """Checkpoints in this process, beside jobs in this process: tests and tools."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._kept: dict[str, bytes] = {}

    async def put(self, job_id: str, fence: int, data: bytes) -> None:
        try:
            job = await self._jobs.get(job_id)
        except JobNotFound as error:
            raise LeaseLost(f"{job_id} is gone.") from error
        if job.fence != fence or job.phase.ended:
            raise LeaseLost(f"{job_id} has moved on from fence {fence}.")
        self._kept[job_id] = data

    async def get(self, job_id: str) -> bytes | None:
        try:
            ended = (await self._jobs.get(job_id)).phase.ended
        except JobNotFound:
            ended = True
        if ended:
            self._kept.pop(job_id, None)
        return self._kept.get(job_id)
