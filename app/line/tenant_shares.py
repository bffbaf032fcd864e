"""Where each tenant's share of each pool is, in step-seconds over its weight: charged as jobs start; pure, a note."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from app.line.borrowed_time import Starts
from app.line.dispatch import remaining
from app.line.rules import Rules
from app.types import Job, Phase

KEPT = 1000  # tenants of a pool that are remembered beside those who wait or run
HALF_LIFE_S = 600.0  # of the work that counts as recent
A_MOMENT = 1e-6  # of virtual time, by which a newcomer is before the least of the others


@dataclass(frozen=True, slots=True)
class Charge:
    """What a job under way was charged to its tenant: the step-seconds that were left of it when it started."""

    pool: str
    tenant: str
    work: float


@dataclass(frozen=True, slots=True)
class SharesNote:
    """The shares at a moment. `used`: virtual time by pool and tenant; `floor`: that of the least, by pool."""

    at: float = 0.0  # Unix seconds, by the clock of the stores
    used: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    floor: Mapping[str, float] = field(default_factory=dict)
    charged: Mapping[str, Charge] = field(default_factory=dict)  # by job id, of those under way
    recent: Mapping[str, float] = field(default_factory=dict)  # step-seconds by tenant; they halve in HALF_LIFE_S


_NOTE = TypeAdapter(SharesNote)


class TenantShares:
    """The virtual times of start-time fair queueing, as `app.line.tenant_order` compares them.

    A job is charged whole when it starts, since what is under way counts when the next is chosen; what it did not use
    after all is given back when it has left. A job that is paused stays charged; one that others follow is charged
    once, to the tenant who leads. Of those who are away only who is ahead of where a newcomer would stand is
    remembered, until the others have come as far: so what is remembered is bounded, and a tenant that comes again has
    nothing saved up but what it may borrow (`app.line.borrowed_time`). Its first job goes before the next of those who
    have just had one.
    """

    def __init__(self, rules: Rules, note: SharesNote | None = None) -> None:
        note = note or SharesNote()
        self._rules = rules
        self._at = note.at
        self._used = {pool: dict(row) for pool, row in note.used.items()}
        self._floor = dict(note.floor)
        self._charged = dict(note.charged)
        self._recent = dict(note.recent)

    def starts(self, pool: str) -> Starts:
        """By tenant, the virtual time at which its next job in that pool would start."""
        level = self._floor.get(pool, 0.0) - A_MOMENT
        return Starts(self._used.get(pool, {}), level, self._rules.borrow)

    def recent(self, now: float) -> dict[str, float]:
        """Step-seconds that each tenant was given lately; they halve every `HALF_LIFE_S`."""
        fade = self._fade(now)
        return {tenant: work * fade for tenant, work in self._recent.items()}

    def left(self, running: Iterable[Job]) -> list[str]:
        """Ids of the jobs that were charged and are no longer under way."""
        here = {job.id for job in running}
        return [job_id for job_id in self._charged if job_id not in here]

    def left_of(self, job_ids: Iterable[str]) -> list[str]:
        """Those of the ids that were charged, for who knows himself which have left."""
        return [job_id for job_id in job_ids if job_id in self._charged]

    def settle(self, job_id: str, job: Job | None) -> None:
        """Give back what a job that has left did not use: none of a completed one, nor of one that is gone."""
        charge = self._charged.pop(job_id)
        if job is None or job.phase is Phase.COMPLETED:
            return
        self._add(charge.pool, charge.tenant, -min(charge.work, remaining(job)))

    def observe(
        self,
        waiting: Sequence[Job],
        running: Sequence[Job],
        now: float,
        whose: Collection[tuple[str, str]] | None = None,
    ) -> None:
        """Begin a pass with those who are there: newcomers stand level, and who runs has been charged.

        `whose`: pools and tenants of those who wait, where whoever asks has them.
        """
        self._recent = {tenant: work for tenant, work in self.recent(now).items() if work > 1e-3}
        self._at = max(self._at, now)
        present: dict[str, set[str]] = defaultdict(set)
        here = {(job.plan.pool, job.tenant) for job in waiting} if whose is None else set(whose)
        here.update((job.plan.pool, job.tenant) for job in running)
        for pool, tenant in sorted(here):  # not as a set has them
            present[pool].add(tenant)
        self._floor = {pool: self._floor.get(pool, 0.0) for pool in present}
        self._used = {pool: self._level(pool, tenants) for pool, tenants in present.items()}
        self.charge(job for job in running if job.id not in self._charged)

    def charge(self, jobs: Iterable[Job]) -> None:
        """These start now."""
        for job in jobs:
            work = remaining(job)
            self._charged[job.id] = Charge(job.plan.pool, job.tenant, work)
            self._add(job.plan.pool, job.tenant, work)

    def note(self) -> SharesNote:
        """All of it."""
        used = {pool: dict(row) for pool, row in self._used.items()}
        return SharesNote(self._at, used, dict(self._floor), dict(self._charged), dict(self._recent))

    def _level(self, pool: str, tenants: set[str]) -> dict[str, float]:
        """A pool's virtual times with all of `tenants` in it, and those others who are ahead of the least of them."""
        used = self._used.get(pool, {})
        known = [used[tenant] for tenant in tenants if tenant in used]
        floor = self._floor[pool] = max(self._floor[pool], min(known, default=0.0))
        borrow = self._rules.borrow
        ahead = [(at, tenant) for tenant, at in used.items() if tenant not in tenants and at > floor - borrow(tenant)]
        found = {tenant: at for at, tenant in heapq.nlargest(KEPT, ahead)}
        for tenant in tenants:
            level = floor - A_MOMENT - borrow(tenant)
            found[tenant] = max(level, used.get(tenant, level))
        return found

    def _add(self, pool: str, tenant: str, work: float) -> None:
        row = self._used.setdefault(pool, {})
        level = self._floor.setdefault(pool, 0.0) - A_MOMENT - self._rules.borrow(tenant)
        row[tenant] = max(level, row.get(tenant, level) + work / self._rules.weight(tenant))
        self._recent[tenant] = max(0.0, self._recent.get(tenant, 0.0) + work)

    def _fade(self, now: float) -> float:
        return float(0.5 ** (max(0.0, now - self._at) / HALF_LIFE_S))


def shares_to_note(note: SharesNote) -> dict[str, object]:
    """The record as JSON values."""
    charged = {
        job_id: {"pool": one.pool, "tenant": one.tenant, "work": one.work} for job_id, one in note.charged.items()
    }
    used = {pool: dict(row) for pool, row in note.used.items()}
    return {"at": note.at, "used": used, "floor": dict(note.floor), "charged": charged, "recent": dict(note.recent)}


def shares_from_note(note: Mapping[str, object] | None) -> SharesNote | None:
    """The record of a note; None where there is none, or one that makes no sense."""
    try:
        return None if note is None else _NOTE.validate_python(note)
    except ValidationError:
        return None
