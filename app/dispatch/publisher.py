"""What each pass tells: the backlog and what it asks for, the places in the line, and news of a place to its job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from app.dispatch.ports import DispatchStores
from app.dispatch.snapshot import Snapshot
from app.jobs.board import BACKLOG, PLACES
from app.line.backlog import Backlog, PoolBacklog, backlog_to_note
from app.line.queue_places import Place, places_to_note, queue_news, queue_places
from app.line.rules import rules_of
from app.line.scaling import Scaling
from app.line.tenant_shares import TenantShares
from app.line.tenant_waits import with_tenants
from app.line.wait_estimates import measure
from app.settings import Settings
from app.types import Job

NOTE_TTL_S = 10.0
TOLD_PER_S = 4000  # jobs in the line or under way, for which telling takes as long as deciding;
LONGEST_S = NOTE_TTL_S / 4  # of more it is told less often than a pass, but at least as often as this


class Publisher:
    """Remembers which places have been told, so that a job hears of its place when that has changed."""

    def __init__(self, settings: Settings, stores: DispatchStores, scaling: Scaling) -> None:
        self._rules, self._most_s = rules_of(settings), settings.max_wait_s
        self._stores = stores
        self._scaling = scaling
        self._told: Mapping[str, Place] = {}
        self._last: Backlog | None = None

    async def tell(
        self,
        seen: Snapshot,
        left: Sequence[Job],
        started: Sequence[Job],
        shares: TenantShares,
        unplaced: Mapping[str, str] = MappingProxyType({}),
    ) -> Backlog:
        """What is published. `left` still wait, in order; `started` were in the line, and are charged to `shares`.

        `unplaced`: why, by pool that the cluster has no place for.
        """
        stores, now = self._stores, seen.now
        if self._last is not None and 0.0 <= now - self._last.at < _pause_s(len(left) + len(seen.running)):
            return self._last
        running = [*seen.running, *started]
        backlog = measure(left, running, seen.capacity, now, self._rules.age_s, self._most_s, seen.entered)
        backlog = with_tenants(backlog, left, running, seen.capacity, self._rules, shares, self._most_s)
        rows = backlog.pools or {}
        self._scaling.decide(rows, seen.replicas, now)
        noted = self._scaling.noted(rows)
        noted |= {pool: replace(noted.get(pool, PoolBacklog()), unplaced=why) for pool, why in unplaced.items()}
        backlog = replace(backlog, pools=noted)
        places = queue_places(left, running, seen.capacity, now)
        await stores.board.put(BACKLOG, backlog_to_note(backlog), NOTE_TTL_S)
        await stores.board.put(PLACES, places_to_note(places), NOTE_TTL_S)
        for job_id, place in queue_news(places.jobs, self._told).items():
            await stores.events.append(job_id, "queue", now, place._asdict())
        self._told, self._last = places.jobs, backlog
        return backlog


def _pause_s(jobs: int) -> float:
    """Seconds between two backlogs: none of a usual line, so that each pass tells what it has done."""
    return min(LONGEST_S, jobs / TOLD_PER_S) if jobs > TOLD_PER_S else 0.0
