"""The line as one process knows it: a record is read once for each time that its job enters the line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.types import Job, Phase

KEPT = 10_000  # records; those further back in the line are read every time

# KEYS line job …; what is waiting, and the fences of the jobs, at one and the same moment; words joined by blanks
READ = """
local fences = {}
for i = 2, #KEYS do fences[i - 1] = redis.call('HGET', KEYS[i], 'fence') or '-' end
return {table.concat(redis.call('ZRANGE', KEYS[1], 0, -1), ' '), table.concat(fences, ' ')}
"""


class RedisLine:
    """The waiting jobs, of which only those that are new are read.

    Everything that takes a job out of the line either ends it or moves its fence, and a job in the line is not written
    to. So a record read while its job was waiting is the record as long as the job is in the line with that fence.
    """

    def __init__(
        self, commands: Commands, keys: Keys, read: Callable[[Sequence[bytes]], Awaitable[Sequence[Job]]]
    ) -> None:
        self._commands = commands
        self._keys = keys
        self._read = read
        self._kept: dict[str, Job] = {}

    async def waiting(self) -> Sequence[Job]:
        """The line, oldest first."""
        kept = self._kept
        names = [self._keys.line, *(self._keys.job(job_id) for job_id in kept)]
        line, fences = (words.decode().split() for words in await self._commands.run(READ, names, []))
        known = {job.id: job for job, fence in zip(kept.values(), fences, strict=True) if str(job.fence) == fence}
        new = await self._read([job_id.encode() for job_id in line if job_id not in known])
        known.update((job.id, job) for job in new if job.phase is Phase.QUEUED)
        found = [known[job_id] for job_id in line if job_id in known]
        self._kept = {job.id: job for job in found[:KEPT]}
        return found
