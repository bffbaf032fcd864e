"""The jobs under way as one process knows them: a record is read once for each lease, then what moves of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import orjson

from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.types import Job, Lease, Phase

# KEYS leases; ARGV what the keys of jobs begin with; all leases, and of each job what its attempt writes, by blanks
READ = """
local leases, moved = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), {}
for i = 1, #leases, 2 do
  local kept = redis.call('HMGET', ARGV[1] .. leases[i], 'fence', 'step', 'phase', 'priority_now')
  moved[#moved + 1] = kept[1] and table.concat({kept[1], kept[2], kept[3], kept[4] or 'null'}, ' ') or '- 0 - null'
end
return {table.concat(leases, ' '), table.concat(moved, ' ')}
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
        told = await self._commands.run(READ, [self._keys.leases], [self._keys.job("")])
        leases, moved = (words.decode().split() for words in told)
        ids, ends, known = leases[::2], leases[1::2], {}
        for job_id, fence, step, phase, priority in zip(ids, *(moved[part::4] for part in range(4)), strict=True):
            job = kept.get(job_id)
            if job is not None and str(job.fence) == fence:
                known[job_id] = _moved(job, int(step), phase, priority)
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
    if (step, phase, now) == (job.step, job.phase, job.priority_now):
        return job
    return replace(job, step=step, phase=Phase(phase), priority_now=now)
