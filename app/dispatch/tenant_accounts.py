"""Keeps the tenants' shares over passes and dispatchers: read once, settled at each look, written before each act."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.dispatch.ports import DispatchStores
from app.jobs.board import SHARES
from app.jobs.store import find
from app.line.rules import Rules
from app.line.tenant_shares import SharesNote, TenantShares, shares_from_note, shares_to_note
from app.types import Job

NOTE_TTL_S = 86400.0  # a service that has been idle so long owes nobody anything


class TenantAccounts:
    """The shares are a note on the board, so that a new Dispatcher goes on where the last one was.

    What it started and did not live to write down is found by its lease and charged then; without any note all begin
    level, with what is under way charged.
    """

    def __init__(self, rules: Rules, stores: DispatchStores) -> None:
        self._rules = rules
        self._stores = stores
        self._shares: TenantShares | None = None
        self._written: SharesNote | None = None

    async def observe(self, waiting: Sequence[Job], running: Sequence[Job], now: float) -> TenantShares:
        """The shares as of this pass. Raises StoreUnavailable."""
        if self._shares is None:
            self._shares = TenantShares(self._rules, shares_from_note(await self._stores.board.get(SHARES)))
        shares = self._shares
        left = shares.left(running)
        if left:
            requeued = {job.id: job for job in waiting}
            ended = [job_id for job_id in left if job_id not in requeued]
            found = await asyncio.gather(*(find(self._stores.jobs, job_id) for job_id in ended))
            known = requeued | {job.id: job for job in found if job is not None}
            for job_id in left:
                shares.settle(job_id, known.get(job_id))
        shares.observe(waiting, running, now)
        return shares

    async def charge(self, jobs: Sequence[Job]) -> None:
        """These are about to start: written down first. Raises StoreUnavailable, and nothing is charged then."""
        if self._shares is None:
            return
        self._shares.charge(jobs)
        note = self._shares.note()
        if self._written is None or _moved(note, self._written):
            await self._stores.board.put(SHARES, shares_to_note(note), NOTE_TTL_S)
            self._written = note


def _moved(note: SharesNote, written: SharesNote) -> bool:
    """Whether there is anything to write: not for the sake of time alone, which fades all that is recent alike."""
    return (note.used, note.floor, note.charged) != (written.used, written.floor, written.charged)
