"""The jobs under way as one process knows them: a record is read once for each lease, then what moves of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import orjson

from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.types import Job, Lease, Phase

# KEYS leases job …; all leases, then of each of the jobs what its attempt writes; words joined by blanks
READ = """
local moved = {}
for i = 2, #KEYS do
  local kept = redis.call('HMGET', KEYS[i], 'fence', 'step', 'phase', 'priority_now')
  moved[i - 1] = kept[1] and table.concat({kept[1], kept[2], kept[3], kept[4] or 'null'}, ' ') or '- 0 - null'
end
return {table.concat(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), ' '), table.concat(moved, ' ')}
"""


class RedisUnderWay:
    """The leased jobs, of which only those are read whole that were leased since the last look.

    Whoever leases a job moves its fence, so a record read under a fence is the record of that attempt, but for what the
    attempt reports: its step, its phase, and the class that its tenant gave it since.
    """

    def __init__(
        self, commands: Commands, keys: Keys, read: Callable[[Sequence[bytes]], Awaitable[Sequence[Job]]]
    ) -> None:
        self._commands = commands
        self._keys = keys
        self._read = read
        self._kept: dict[str, Job] = {}
        self._holders: dict[str, str] = {}

    async def leased(self) -> Sequence[tuple[Lease, Job]]:
        """All leases, in order of expiry, with their jobs."""
        kept = self._kept
        names = [self._keys.leases, *(self._keys.job(job_id) for job_id in kept)]
        leases, moved = (words.decode().split() for words in await self._commands.run(READ, names, []))
        known = {}
        for job, fence, step, phase, priority in zip(
            kept.values(), *(moved[part::4] for part in range(4)), strict=True
        ):
            if str(job.fence) == fence:
                known[job.id] = _moved(job, int(step), phase, priority)
        ids, ends = leases[::2], leases[1::2]
        new = await self._read([job_id.encode() for job_id in ids if job_id not in known])
        asked = [("HGET", self._keys.job(job.id), "holder") for job in new]
        holders = await self._commands.all(asked) if asked else []
        known.update((job.id, job) for job in new)
        told = self._holders | {job.id: holder.decode() for job, holder in zip(new, holders, strict=True) if holder}
        self._kept = {job_id: known[job_id] for job_id in ids if job_id in known and job_id in told}
        self._holders = {job_id: told[job_id] for job_id in self._kept}
        return [
            (Lease(job_id, job.fence, told[job_id], float(until)), job)
            for job_id, until in zip(ids, ends, strict=True)
            if (job := self._kept.get(job_id)) is not None
        ]


def _moved(job: Job, step: int, phase: str, priority: str) -> Job:
    now = None if priority == "null" else orjson.loads(priority)
    if (step, phase, now) == (job.step, job.phase.value, job.priority_now):
        return job
    return replace(job, step=step, phase=Phase(phase), priority_now=now)
