"""The backlog, the places and the shares of single pools, as dispatchers that share them tell each other; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from app.line.backlog import Backlog, TenantUse
from app.line.queue_places import QueuePlaces
from app.line.scaling import StartTimes
from app.line.tenant_shares import Charge, SharesNote


def backlog_part(backlog: Backlog, pool: str, tenants: bool) -> Backlog:
    """What it says of one pool. `tenants`: with what it says of them, which is of all its pools together."""
    row = backlog.pool(pool)
    mine = f"{pool}/"
    return Backlog(
        at=backlog.at,
        jobs=row.jobs,
        running=row.running,
        step_seconds=row.step_seconds,
        wait_s=row.wait_s,
        pools={pool: row},
        entered={name: value for name, value in (backlog.entered or {}).items() if name.startswith(mine)},
        tenants=backlog.tenants if tenants else None,
    )


def merged_backlog(parts: Sequence[Backlog], at: float) -> Backlog:
    """One of them all, told at that moment."""
    entered: dict[str, float] = {}
    for part in parts:
        entered |= part.entered or {}
    return Backlog(
        at=at,
        jobs=sum(part.jobs for part in parts),
        running=sum(part.running for part in parts),
        step_seconds=round(sum(part.step_seconds for part in parts), 3),
        wait_s=max((part.wait_s for part in parts), default=0.0),
        pools={name: row for part in parts for name, row in (part.pools or {}).items()},
        entered=entered,
        tenants=_merged_use([part.tenants for part in parts if part.tenants]),
    )


def _merged_use(parts: Sequence[Mapping[str, TenantUse]]) -> dict[str, TenantUse]:
    found: dict[str, TenantUse] = {}
    for part in parts:
        for tenant, use in part.items():
            one = found.get(tenant, TenantUse(use.weight))
            work = round(one.step_seconds + use.step_seconds, 3)
            found[tenant] = TenantUse(use.weight, one.jobs + use.jobs, one.running + use.running, work)
    total = sum(use.step_seconds for use in found.values())
    if not total:
        return found
    return {tenant: replace(use, share=round(use.step_seconds / total, 4)) for tenant, use in found.items()}


def places_part(places: QueuePlaces, pool: str, jobs: Iterable[str]) -> QueuePlaces:
    """Those of one pool, whose jobs these are."""
    mine = set(jobs)
    kept = {job_id: place for job_id, place in places.jobs.items() if job_id in mine}
    return QueuePlaces(places.at, kept, {name: at for name, at in places.beyond.items() if name == pool})


def merged_places(parts: Sequence[QueuePlaces], at: float) -> QueuePlaces:
    """One of them all, told at that moment."""
    jobs = {job_id: place for part in parts for job_id, place in part.jobs.items()}
    return QueuePlaces(at, jobs, {pool: place for part in parts for pool, place in part.beyond.items()})


def shares_part(note: SharesNote, pool: str, recent: bool) -> SharesNote:
    """What it says of one pool. `recent`: with what tenants were given lately, which is in all its pools together."""
    return SharesNote(
        note.at,
        {pool: note.used[pool]} if pool in note.used else {},
        {pool: note.floor[pool]} if pool in note.floor else {},
        {job_id: charge for job_id, charge in note.charged.items() if charge.pool == pool},
        note.recent if recent else {},
    )


def merged_shares(parts: Sequence[SharesNote]) -> SharesNote:
    """One of them all."""
    used, floor = dict[str, Mapping[str, float]](), dict[str, float]()
    charged, recent = dict[str, Charge](), dict[str, float]()
    for part in parts:
        used |= part.used
        floor |= part.floor
        charged |= part.charged
        for tenant, work in part.recent.items():
            recent[tenant] = recent.get(tenant, 0.0) + work
    return SharesNote(max((part.at for part in parts), default=0.0), used, floor, charged, recent)


def merged_starts(parts: Sequence[StartTimes]) -> StartTimes:
    """One of them all."""
    took_s, asked_at = dict[str, float](), dict[str, float]()
    for part in parts:
        took_s |= part.took_s
        asked_at |= part.asked_at
    return StartTimes(took_s, asked_at)


def starts_part(starts: StartTimes, pool: str) -> StartTimes:
    """What it says of one pool."""
    return StartTimes(
        {pool: starts.took_s[pool]} if pool in starts.took_s else {},
        {pool: starts.asked_at[pool]} if pool in starts.asked_at else {},
    )
