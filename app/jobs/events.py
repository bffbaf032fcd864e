"""The port to job events: replicas write them, every router can replay and follow them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from app.jobs.record import parse_event_id
from app.types import Event

TENANT_KEPT = 10_000  # events of a tenant's log: with eight jobs under way some five minutes
BATCH = 100  # entries of a tenant's log that are read at once
MOST_ENTRIES = 512  # of a job's account: some hundred and seventy attempts
MOST_SHARED = 64  # jobs behind one leader that hear of its steps in their tenants' logs; all hear of their own end


Entries: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Of a job's account, by name: what `app.jobs.reports` makes a report of. Writing one replaces it."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a follower of a tenant's log goes on: behind the event `id`.

    `whole` is False when events behind the one that was named are lost: trimmed, or told by a log that is gone.
    """

    id: str
    whole: bool


class EventLog(Protocol):
    """An ordered, bounded log of events per job, kept as long as the job, and one of all a tenant's jobs.

    The tenant's holds the newest TENANT_KEPT events of whatever jobs, with ids of its own. Beside its log each job has
    an account: up to MOST_ENTRIES entries that nobody follows. They travel with events, in the same write, so that
    keeping account costs no round trip. All raise StoreUnavailable.
    """

    async def append(
        self,
        job_id: str,
        kind: str,
        at: float,
        data: dict[str, Any],
        fence: int | None = None,
        entries: Entries | None = None,
    ) -> str:
        """Add one event to the job's log and its tenant's; returns its id in the job's (ids grow).

        With a fence, only while that is the job's: whoever runs an attempt gives it; and an end only of a job that has
        one on record, for a failover may have lost it. Raises LeaseLost. What is not an end is told to the tenants of
        those, up to MOST_SHARED, who wait for this job's video. `entries` go into its
        account, if the event goes into its log.
        """
        ...

    async def append_each(self, kind: str, at: float, data: Mapping[str, dict[str, Any]]) -> None:
        """One event of that kind, without a fence, to each of the jobs that `data` names, as by `append`: together."""
        ...

    async def read(self, job_id: str, after: str | None, block_s: float) -> Sequence[Event]:
        """Events behind `after` (None: from the start), waiting up to `block_s` for the first."""
        ...

    async def forget(self, job_id: str) -> None:
        """Drop a job's events and its account."""
        ...

    async def note(self, job_id: str, entries: Entries) -> None:
        """Write entries of a job's account without an event."""
        ...

    async def account(self, job_id: str) -> dict[str, dict[str, Any]]:
        """All entries of a job's account."""
        ...

    async def tell_tenant(
        self, tenant: str, job_id: str, kind: str, at: float, data: dict[str, Any], entries: Entries | None = None
    ) -> None:
        """Add one event to a tenant's log alone: what happens before a job's log begins, or after it is gone.

        `entries` go into the job's account.
        """
        ...

    async def resume_tenant(self, tenant: str, after: str | None) -> Resumption:
        """Where to go on behind `after` in a tenant's log; None: at its end, with what happens from now on."""
        ...

    async def read_tenant(self, tenant: str, after: str, block_s: float) -> Sequence[Event]:
        """Up to BATCH entries of a tenant's log behind `after`, waiting up to `block_s` for the first.

        An entry that is told to several jobs is one event for each, with the same id. The data of a preview is empty
        once its job is gone.
        """
        ...


def resumption(after: str | None, first: str | None, last: str | None, length: int, limit: int) -> Resumption:
    """As `resume_tenant`, for a log of `length` entries from `first` to `last` that is trimmed to `limit`."""
    end = last or "0-0"
    if after is None:
        return Resumption(end, True)
    at, oldest = parse_event_id(after), parse_event_id(first)
    untrimmed = at == (0, 0) and length < limit
    whole = at <= parse_event_id(end) and (untrimmed or oldest <= at)
    return Resumption("{}-{}".format(*at) if whole else end, whole)


def priority_signal(job_id: str) -> str:
    """The signal, among those that stop jobs, that a job's record has another priority; older replicas pass it over."""
    return f"priority_{job_id.partition('_')[2]}"


class StopSignals(Protocol):
    """Tells replicas at once that a job must stop; best effort, the fence is the truth."""

    async def send(self, job_id: str) -> None:
        """Tell every listening replica that the job must stop, or what another signal of the form of an id means."""
        ...

    def listen(self) -> AsyncIterator[str]:
        """Ids of jobs to stop, names of replicas that are to leave, `priority_signal`s; goes on over reconnects."""
        ...
