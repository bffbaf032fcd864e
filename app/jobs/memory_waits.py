"""Dependencies, limits and idempotency keys in this process, with the same rules as those in Redis."""

from __future__ import annotations

from collections.abc import Sequence

from app.jobs.admission_limits import (
    AdmissionLimits,
    IdempotencyKey,
    Usage,
    fills_line,
    free_in_s,
    refusal,
    refuse_another,
    spent,
)
from app.jobs.memory_quotas import MemoryQuotas
from app.jobs.quotas import GivesBack, Held, Standing
from app.jobs.record import check_id
from app.jobs.states import RUNNING
from app.types import Job, Phase


class MemoryWaits:
    """The Waits port, as a part of MemoryJobs."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        # Shared with MemoryFlights: who is queued and not in the line, and until when such a one is of use.
        self.aside: set[str] = set()
        self.due: dict[str, float] = {}
        self._awaited: dict[str, set[str]] = {}
        self._unreleased: set[str] = set()
        self._idempotency_keys: dict[tuple[str, str], tuple[str, str, float]] = {}  # digest, job, end
        self.accounts = MemoryQuotas()

    async def awaited(self, job_id: str) -> Sequence[str]:
        return sorted(self._awaited.get(check_id(job_id), ()))

    async def unreleased(self, limit: int) -> Sequence[str]:
        return sorted(self._unreleased)[:limit]

    async def dependants(self, job_id: str, limit: int) -> Sequence[str]:
        return [each for each, awaited in self._awaited.items() if job_id in awaited][:limit]

    async def release(self, job_id: str, awaited: str) -> None:
        left = self._awaited.get(job_id, set())
        left.discard(awaited)
        if not left and self._awaited.pop(job_id, None) is not None:
            self.aside.discard(job_id)
            self.due.pop(job_id, None)
            self.wake()

    async def mark_released(self, job_id: str) -> None:
        if not await self.dependants(job_id, 1):
            self._unreleased.discard(job_id)

    async def answered(self, key: IdempotencyKey, tenant: str) -> str | None:
        body, job_id, _ = self._idempotency_keys.get((tenant, key.value), ("", "", 0.0))
        if job_id:
            refuse_another(body, key.digest)
        return job_id or None

    async def check(self, job: Job, limits: AdmissionLimits) -> None:
        self._within_limits(job, limits, pays=True)

    async def quotas(self, held: Sequence[Held], now: float) -> Sequence[Standing]:
        return await self.accounts.standings(held, now)

    async def usage(self, tenant: str, limits: AdmissionLimits, now: float) -> Usage:
        mine = [job for job in self._jobs.values() if job.tenant == tenant and not job.phase.ended]
        asked = round(spent(self.accounts.spent.get(tenant, {}), now, limits), 3)
        return Usage(len(mine), sum(job.phase in RUNNING for job in mine), asked)

    def wake(self) -> None:
        """The dispatcher has something to decide."""

    def enter(self, job: Job, limits: AdmissionLimits, pays: bool, owes: bool = True) -> None:
        """Note what comes with a new job. Raises what `refusal` makes; nothing is noted then.

        `pays`: it costs its tenant something now; `owes`: or later, when it becomes the one that is made.
        """
        key, made = limits.idempotency_key, not job.phase.ended
        if key is not None:
            known = self._idempotency_keys.items()
            self._idempotency_keys = {name: kept for name, kept in known if kept[2] > job.created_at}
            body, first, _ = self._idempotency_keys.get((job.tenant, key.value), ("", "", 0.0))
            if first:
                raise refusal("replayed" if body == key.digest else "reused", first)
        if made:
            self._within_limits(job, limits, pays)
        awaited = {each for each in job.after if self._to_come(each, job.tenant)} if made else set()
        if awaited:
            self._awaited[job.id] = awaited
            self.aside.add(job.id)
            if job.deadline is not None:
                self.due[job.id] = job.deadline
        if key is not None:
            self._idempotency_keys[job.tenant, key.value] = (key.digest, job.id, job.created_at + key.ttl_s)
        if made and owes:
            self.accounts.enter(job, limits, pays)

    def end(self, job: Job, gives: GivesBack) -> None:
        """Give back what a job has paid that ends, if that is so; the job is as it was before."""
        waits = job.phase is Phase.QUEUED and not job.attempts
        aside = job.id in self.aside and job.id not in self._awaited
        if gives == "always" or (gives == "unstarted" and waits and not aside):
            self.accounts.give_back(job)

    def leave(self, job_id: str) -> None:
        """A job has ended or is gone."""
        self._awaited.pop(job_id, None)
        if any(job_id in awaited for awaited in self._awaited.values()):
            self._unreleased.add(job_id)

    def _within_limits(self, job: Job, limits: AdmissionLimits, pays: bool) -> None:
        amount = job.plan.estimate.step_seconds if pays else 0.0
        open_jobs = [each for each in self._jobs.values() if not each.phase.ended]
        mine = sum(each.tenant == job.tenant for each in open_jobs)
        if limits.most_open is not None and mine >= limits.most_open:
            raise refusal("busy")
        waits = [each for each in open_jobs if each.phase is Phase.QUEUED]
        waiting = sum(each.id not in self.aside or each.id in self._awaited for each in waits)
        tenants = len({each.tenant for each in open_jobs})
        if limits.most_waiting is not None and fills_line(waiting, mine, tenants, limits.most_waiting):
            raise refusal("full")
        buckets = self.accounts.spent.get(job.tenant, {})
        most = limits.most_spent
        if most is not None and spent(buckets, job.created_at, limits) + amount > most + 1e-9:
            raise refusal("spent", retry_after_s=free_in_s(buckets, amount, job.created_at, limits))

        def opened(held: Held) -> int:
            return sum(held.name == (each.tenant if held.kind == "tenant" else each.key_id) for each in open_jobs)

        self.accounts.refuse(job, limits, pays, opened)

    def _to_come(self, job_id: str, tenant: str) -> bool:
        job = self._jobs.get(job_id)
        if job is None or job.tenant != tenant:
            raise refusal("unknown", job_id)
        if job.phase is Phase.FAILED:
            raise refusal("failed", job_id)
        return job.phase is not Phase.COMPLETED
