"""Keeps the tenants' shares over passes and dispatchers: read once, settled at each look, written before each act."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from app.dispatch.holding import Holding
from app.dispatch.pool_notes import PoolNotes
from app.dispatch.ports import DispatchStores
from app.jobs.board import SHARES
from app.jobs.store import find
from app.line.parts import merged_shares, shares_part
from app.line.rules import Rules
from app.line.tenant_shares import SharesNote, TenantShares, shares_from_note, shares_to_note
from app.types import Job

NOTE_TTL_S = 86400.0  # a service that has been idle so long owes nobody anything


class TenantAccounts:
    """The shares are a note on the board, so that a new Dispatcher goes on where the last one was.

    What it started and did not live to write down is found by its lease and charged then; without any note all begin
    level, with what is under way charged. Where dispatchers share the pools each pool has a note of its own, which is
    read by who takes the pool; a tenant's share of one pool says nothing of its share of another.
    """

    def __init__(self, rules: Rules, stores: DispatchStores, holding: Holding) -> None:
        self._rules = rules
        self._stores = stores
        self._holding = holding
        self._notes = PoolNotes(SHARES, stores.board, holding)
        self._pools: Sequence[str] = ()
        self._shares: TenantShares | None = None
        self._written: SharesNote | None = None

    async def observe(
        self,
        waiting: Sequence[Job],
        running: Sequence[Job],
        now: float,
        whose: Collection[tuple[str, str]] | None = None,
    ) -> TenantShares:
        """The shares as of this pass; `whose` as `TenantShares.observe` takes it. Raises StoreUnavailable."""
        shares = await self._restored()
        left = shares.left(running)
        if left:
            gone = set(left)
            requeued = {job.id: job for job in waiting if job.id in gone}
            ended = [job_id for job_id in left if job_id not in requeued]
            found = await asyncio.gather(*(find(self._stores.jobs, job_id) for job_id in ended))
            known = requeued | {job.id: job for job in found if job is not None}
            for job_id in left:
                shares.settle(job_id, known.get(job_id))
        shares.observe(waiting, running, now, whose)
        return shares

    async def charge(self, jobs: Sequence[Job]) -> None:
        """These are about to start: written down first. Raises ShardLost, StoreUnavailable; none starts then."""
        if self._shares is None:
            return
        self._shares.charge(jobs)
        note = self._shares.note()
        if self._written is None or _moved(note, self._written):
            await self._write(note)
            self._written = note

    async def _restored(self) -> TenantShares:
        pools = tuple(self._holding.pools)
        if self._shares is None or pools != self._pools:
            notes = [shares_from_note(note) for note in await self._notes.read(pools)]
            self._shares = TenantShares(self._rules, merged_shares([note for note in notes if note is not None]))
            self._pools, self._written = pools, None
        return self._shares

    async def _write(self, note: SharesNote) -> None:
        if not self._holding.name:
            await self._stores.board.put(SHARES, shares_to_note(note), NOTE_TTL_S)
            return
        parts = {pool: shares_part(note, pool, place == 0) for place, pool in enumerate(self._pools)}
        await self._notes.put({pool: shares_to_note(part) for pool, part in parts.items()}, NOTE_TTL_S)


def _moved(note: SharesNote, written: SharesNote) -> bool:
    """Whether there is anything to write: not for the sake of time alone, which fades all that is recent alike."""
    return (note.used, note.floor, note.charged) != (written.used, written.floor, written.charged)
