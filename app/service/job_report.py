"""A job's report: its record, its account and the jobs that it had to do with come in, what it means goes out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from math import inf

import psutil

from app.jobs.reports.account import Account, account_of
from app.jobs.reports.assembly import assemble
from app.jobs.reports.records import Facts, Report
from app.jobs.store import find
from app.service.artifact_refs import owners
from app.service.ports import Shared
from app.service.single_flight import leader_of
from app.types import Job, Phase

MOST_OTHERS = 64  # jobs that are looked up for one report
_PROCESS = psutil.Process()
READ_S = 1.0  # between two readings of what this process holds


class _Host:
    """Bytes resident in host memory, read at most once in `READ_S`: it is asked for with each job that comes."""

    def __init__(self) -> None:
        self._read_at, self._bytes = -inf, 0

    def held(self) -> int:
        now = time.monotonic()
        if now - self._read_at >= READ_S:
            self._read_at, self._bytes = now, int(_PROCESS.memory_info().rss)
        return self._bytes


_HOST = _Host()


def intake(job: Job, took_s: Mapping[str, float]) -> Mapping[str, object]:
    """What the Router notes of a job that it has let in; `created_at` is the end of its planning."""
    received_at = job.created_at - took_s.get("plan", 0.0)
    return {"received_at": received_at, "stages_s": dict(took_s), "host_bytes": _HOST.held()}


async def report_of(job: Job, stores: Shared, now: float) -> Report:
    """The report of a job, under way or ended.

    Other tenants' jobs are in it without their ids. Raises StoreUnavailable.
    """
    account = account_of(await stores.events.account(job.id))
    leader = await leader_of(job, stores) if job.phase is Phase.QUEUED else None
    others = await _known(_others(job, account), job.tenant, stores)
    awaits = tuple(await stores.jobs.awaited(job.id)) if job.after and job.phase is Phase.QUEUED else ()
    return assemble(Facts(job, account, others, None if leader is None else leader.id, awaits), now)


def _others(job: Job, account: Account) -> list[str]:
    rivals = [pause.rival for each in account.attempts.values() for pause in each.pauses if pause.rival]
    makers = owners(job.artifacts.values()) - {job.id}
    runs = [run for each in account.attempts.values() for run in each.runs]
    mates = [mate.job for run in runs for mate in run.packed if mate.job]
    return list(dict.fromkeys((*makers, *job.after, *rivals, *mates)))[:MOST_OTHERS]


async def _known(job_ids: list[str], tenant: str, stores: Shared) -> dict[str, Job]:
    """Those of them that are this tenant's."""
    found = await asyncio.gather(*(find(stores.jobs, each, tenant) for each in job_ids))
    return {job.id: job for job in found if job is not None}
