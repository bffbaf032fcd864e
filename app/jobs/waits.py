"""The port to what a job is held to beside its record: jobs it waits for, its tenant's limits, its client's key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.jobs.admission_limits import AdmissionLimits, IdempotencyKey, Usage
from app.jobs.quotas import Held, Standing
from app.types import Job


class Waits(Protocol):
    """Jobs that wait for others stand outside of the line until the last of those has completed.

    A store only notes that a job has ended; who reads `unreleased` lets each of its dependants go on or fail, and says
    `mark_released` then. All that may be done again after a death in between. Raises StoreUnavailable.
    """

    async def awaited(self, job_id: str) -> Sequence[str]:
        """The ids of the jobs that this one still waits for."""
        ...

    async def unreleased(self, limit: int) -> Sequence[str]:
        """Ids of jobs that have ended or are gone while others waited for them."""
        ...

    async def dependants(self, job_id: str, limit: int) -> Sequence[str]:
        """Ids of jobs that wait for this one, or did."""
        ...

    async def release(self, job_id: str, awaited: str) -> None:
        """The job waits for that one no more; with none left, it enters the line at its place."""
        ...

    async def mark_released(self, job_id: str) -> None:
        """Nobody waits for this job any more; nothing changes while somebody does."""
        ...

    async def answered(self, key: IdempotencyKey, tenant: str) -> str | None:
        """The id of the job that the key made. Raises KeyReused when that was for another request.

        PictureWillTell is raised where that depends on a picture that `key` does not have the content of yet.
        """
        ...

    async def check(self, job: Job, limits: AdmissionLimits) -> None:
        """Whether a job that will be made would be let in now; nothing is written. Raises what `refusal` makes."""
        ...

    async def usage(self, tenant: str, limits: AdmissionLimits, now: float) -> Usage:
        """What the tenant has under way and has asked for."""
        ...

    async def quotas(self, held: Sequence[Held], now: float) -> Sequence[Standing]:
        """How much of their quotas a tenant and a key have used."""
        ...
