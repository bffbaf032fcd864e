"""The port to the durable job records: what the service, the dispatcher and the replicas may do to a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from app.errors import JobNotFound
from app.jobs.admission_limits import UNLIMITED, AdmissionLimits
from app.jobs.marks import Marks
from app.jobs.shards import ShardLease
from app.jobs.waits import Waits
from app.types import Artifact, CacheUse, Delivery, DraftUse, Failure, Job, Lease, Measured, Page, Phase, ReplicaInfo

CURSOR_KEPT_S = 86_400.0  # how long it is known where a deleted job stood in its tenant's list


class JobStore(Waits, Marks, Protocol):
    """Job records, the line of waiting jobs, leases, and what replicas say of themselves.

    All methods raise StoreUnavailable when the store does not answer in time, and JobNotFound for what cannot be an id.
    Every write after `create` is atomic, checks the fence (LeaseLost, also when the record is gone) and the table of
    legal transitions (IllegalTransition). `now` is Unix seconds.
    """

    async def create(self, job: Job, limits: AdmissionLimits = UNLIMITED) -> None:
        """Write a new record; a queued one also enters the line, or waits for those it comes `after`.

        The very same record again is fine, so a call may be made again. Raises Conflict if another has the id, and
        what `app.jobs.admission_limits.refusal` makes, in which case nothing is written.
        """
        ...

    async def get(self, job_id: str, tenant: str | None = None) -> Job:
        """The record. Raises JobNotFound, also when `tenant` is given and is not the job's."""
        ...

    async def list(self, tenant: str, after: str | None, limit: int, newest_first: bool) -> Page:
        """A page of a tenant's jobs by creation time, those behind `after`.

        That one may have been deleted meanwhile, up to CURSOR_KEPT_S ago. Raises JobNotFound for any other `after` that
        is none of the tenant's jobs.
        """
        ...

    async def delete(self, job_id: str, tenant: str) -> Job:
        """Remove the record from everywhere and return what it was; its running attempt loses its lease."""
        ...

    async def cancel(self, job_id: str, tenant: str | None, failure: Failure, now: float) -> Job:
        """End a job that has not ended (fence + 1, phase failed); ended ones are returned as they are."""
        ...

    async def reprioritise(self, job_id: str, tenant: str | None, priority: str) -> Job:
        """Give a job that has not ended another class of PRIORITIES, which counts from the next decision on.

        Raises JobNotFound, also when `tenant` is given and is not the job's, and IllegalTransition when it has ended.
        """
        ...

    async def lease(
        self,
        job_id: str,
        holder: str,
        ttl_s: float,
        now: float,
        under: ShardLease | None = None,
        most_of_tenant: int | None = None,
    ) -> Lease:
        """Take a queued job out of the line: fence + 1, attempts + 1. Raises JobNotFound, IllegalTransition.

        `under`: only by right of that lease of its pool, or ShardLost; and then only while its tenant holds fewer than
        `most_of_tenant`, or TenantFull, whichever dispatchers gave it those.
        """
        ...

    async def renew(self, leases: Sequence[Lease], ttl_s: float, now: float) -> Sequence[str]:
        """Prolong leases that still hold; returns the ids of those lost (record gone or fence moved)."""
        ...

    async def advance(
        self, job_id: str, fence: int, phase: Phase, now: float, step: int = 0, eta_s: float | None = None
    ) -> None:
        """Report a running attempt's phase and step."""
        ...

    async def note_cache(self, job_id: str, fence: int, cache: CacheUse) -> None:
        """Record how the caches served the attempt."""
        ...

    async def note_draft(self, job_id: str, fence: int, draft: DraftUse) -> None:
        """Record what became of the attempt's draft."""
        ...

    async def note_delivery(self, job_id: str, delivery: Delivery) -> None:
        """Record how far an ended job's webhook is. Raises JobNotFound, IllegalTransition."""
        ...

    async def complete(
        self, job_id: str, fence: int, artifacts: dict[str, Artifact], measured: Measured, now: float, expires_at: float
    ) -> Job:
        """Close a job as completed; its artifacts are already stored. Closing it again returns it as it is."""
        ...

    async def fail(self, job_id: str, fence: int, failure: Failure, now: float) -> Job:
        """Close a job as failed."""
        ...

    async def requeue(
        self, job_id: str, fence: int, now: float, lost: bool = False, not_before: float | None = None
    ) -> Job:
        """Put a leased job back at its place in the line (fence + 1); its attempt has ended without a result.

        `lost`: because its replica was lost, which the record counts. `not_before`: when it may be leased again.
        """
        ...

    async def recover(self, job: Job) -> bool:
        """Have a completed job on record that the record has forgotten, after a restore.

        It takes the place of what stands there of it, or comes anew. False: it has ended by its record, which stays.
        Its dependencies are left out where they are not on record.
        """
        ...

    async def waiting(self) -> Sequence[Job]:
        """The line, oldest first."""
        ...

    async def leases(self) -> Sequence[Lease]:
        """All leases, in order of expiry."""
        ...

    async def leased(self) -> Sequence[tuple[Lease, Job]]:
        """All leases, in order of expiry, with their jobs as they are at that moment."""
        ...

    async def position(self, job_id: str) -> int | None:
        """How many jobs stand before this one in the line; None when it is not in it."""
        ...

    async def wait_for_work(self, timeout_s: float, name: str = "", others: Sequence[str] = ()) -> bool:
        """Sleep until something was created, requeued or ended, or until the time is over (False).

        Of several who sleep under names one hears of it, who passes it on to the `others`.
        """
        ...

    async def announce(self, replica: ReplicaInfo, ttl_s: float) -> None:
        """A replica says that it is there; forgotten after `ttl_s`."""
        ...

    async def replicas(self) -> Sequence[ReplicaInfo]:
        """The replicas that spoke within their time."""
        ...

    async def expired(self, now: float, limit: int) -> Sequence[Job]:
        """Ended jobs past their `expires_at`."""
        ...

    async def ended(self, after: tuple[float, str] | None, limit: int) -> Sequence[Job]:
        """All tenants' jobs that have ended and are on record, by `expires_at` and id, behind `after` of the two."""
        ...

    async def ping(self) -> float:
        """Seconds a round trip takes."""
        ...


def free(job: Job) -> Job:
    """The job without those that it came after."""
    return replace(job, wishes=replace(job.wishes, after=()))


async def find(jobs: JobStore, job_id: str, tenant: str | None = None) -> Job | None:
    """The job's record, None when there is none (of that tenant). Raises StoreUnavailable."""
    try:
        return await jobs.get(job_id, tenant)
    except JobNotFound:
        return None
