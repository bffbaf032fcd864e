"""What each pass tells: the backlog and what it asks for, the places in the line, and news of a place to its job."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from app.dispatch.holding import Holding
from app.dispatch.pool_notes import PoolNotes
from app.dispatch.ports import DispatchStores
from app.dispatch.snapshot import Snapshot
from app.jobs.board import BACKLOG, PLACES
from app.jobs.shards import HOUSE
from app.line.backlog import Backlog, PoolBacklog, backlog_from_note, backlog_to_note
from app.line.parts import backlog_part, merged_backlog, merged_places, places_part
from app.line.queue_places import Place, QueuePlaces, places_from_note, places_to_note, queue_news, queue_places
from app.line.rules import rules_of
from app.line.scaling import Scaling
from app.line.tenant_shares import TenantShares
from app.line.tenant_waits import with_tenants
from app.line.wait_estimates import measured
from app.line.weighed_pool import by_pool, weighed_pools
from app.settings import Settings
from app.types import Job
from app.types.changed import changed

NOTE_TTL_S = 10.0
TOLD_PER_S = 4000  # jobs in the line or under way, for which telling takes as long as deciding;
LONGEST_S = NOTE_TTL_S / 4  # of more it is told less often than a pass, but at least as often as this


class Publisher:
    """Remembers which places have been told, so that a job hears of its place when that has changed."""

    def __init__(
        self, settings: Settings, stores: DispatchStores, scaling: Scaling, holding: Holding, known: Collection[str]
    ) -> None:
        self._known, self._holding = tuple(known), holding
        self._backlogs = PoolNotes(BACKLOG, stores.board, holding)
        self._place_notes = PoolNotes(PLACES, stores.board, holding)
        self._rules, self._most_s = rules_of(settings), settings.max_wait_s
        self._stores = stores
        self._scaling = scaling
        self._told: Mapping[str, Place] = {}
        self.last = Backlog()
        """What was told last."""
        self._told_at: float | None = None

    def due(self, jobs: int, now: float) -> bool:
        """Whether to tell, with so many jobs in the line and under way: at each pass, unless they are very many."""
        return self._told_at is None or not 0.0 <= now - self._told_at < pause_s(jobs)

    async def tell(
        self,
        seen: Snapshot,
        left: Sequence[Job],
        started: Sequence[Job],
        shares: TenantShares,
        unplaced: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`left` still wait, in order; `started` were in the line, and are charged to `shares`.

        `unplaced`: why, by pool that the cluster has no place for.
        """
        stores, now = self._stores, seen.now
        running = [*seen.running, *started]
        pools = weighed_pools(left, running, seen.capacity, now, self._rules.age_s, self._most_s)
        here = left, running, seen.capacity, self._rules, shares, self._most_s, seen.elsewhere
        backlog = with_tenants(measured(pools, now, seen.entered), *here, pools)
        rows = backlog.pools or {}
        self._scaling.decide(rows, seen.replicas, now)
        noted = self._scaling.noted(rows)
        noted |= {pool: replace(noted.get(pool, PoolBacklog()), unplaced=why) for pool, why in unplaced.items()}
        backlog = changed(backlog, pools=noted)
        places = queue_places(left, running, seen.capacity, now)
        if self._holding.name:
            backlog = await self._share(backlog, places, left)
        else:
            await stores.board.put(BACKLOG, backlog_to_note(backlog), NOTE_TTL_S)
            await stores.board.put(PLACES, places_to_note(places), NOTE_TTL_S)
        news = queue_news(places.jobs, self._told)  # when one starts, all behind it move
        if news:
            await stores.events.append_each("queue", now, {job_id: place._asdict() for job_id, place in news.items()})
        self._told, self.last, self._told_at = places.jobs, backlog, now

    async def _share(self, backlog: Backlog, places: QueuePlaces, left: Sequence[Job]) -> Backlog:
        """Each pool's part by who has it; whoever has the house puts them together for those who read. All of it.

        Raises ShardLost, StoreUnavailable.
        """
        here, now = by_pool(left), backlog.at
        mine = [pool for pool in backlog.pools or {} if self._holding.has(pool)]
        backlogs = {pool: backlog_part(backlog, pool, place == 0) for place, pool in enumerate(mine)}
        parts = {pool: places_part(places, pool, (job.id for job in here.get(pool, ()))) for pool in mine}
        await self._backlogs.put({pool: backlog_to_note(part) for pool, part in backlogs.items()}, NOTE_TTL_S)
        await self._place_notes.put({pool: places_to_note(part) for pool, part in parts.items()}, NOTE_TTL_S)
        if not self._holding.house:
            return backlog
        others = [pool for pool in self._known if pool not in mine]
        told = [backlog_from_note(note) for note in await self._backlogs.read(others)]
        whole = merged_backlog([*backlogs.values(), *(part for part in told if part is not None)], now)
        elsewhere = [places_from_note(note) for note in await self._place_notes.read(others)]
        under, board = self._holding.under(HOUSE), self._stores.board
        await board.put(BACKLOG, backlog_to_note(whole), NOTE_TTL_S, under)
        await board.put(PLACES, places_to_note(merged_places([*parts.values(), *elsewhere], now)), NOTE_TTL_S, under)
        return whole


def pause_s(jobs: int) -> float:
    """Seconds between two backlogs: none of a usual line, so that each pass tells what it has done."""
    return min(LONGEST_S, jobs / TOLD_PER_S) if jobs > TOLD_PER_S else 0.0
