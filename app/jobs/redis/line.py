"""The line as one process knows it: a record is read once for each time that its job enters the line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import compress, islice
from operator import eq

from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.types import Job, Phase

KEPT = 100_000  # records; those further back in the line are read every time

# KEYS line; ARGV what the keys of jobs begin with; what is waiting, and with which fences; words joined by blanks
READ = """
local ids, fences = redis.call('ZRANGE', KEYS[1], 0, -1), {}
for i, id in ipairs(ids) do fences[i] = redis.call('HGET', ARGV[1] .. id, 'fence') or '-' end
return {table.concat(ids, ' '), table.concat(fences, ' ')}
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
        self._fences: dict[str, str] = {}  # of those, as they are told

    async def waiting(self) -> Sequence[Job]:
        """The line, oldest first."""
        kept = self._kept
        told = await self._commands.run(READ, [self._keys.line], [self._keys.job("")])
        line, fences = (words.decode().split() for words in told)
        # Of thousands nearly all stand as they stood: no step of Python for each.
        stand = list(map(eq, fences, map(self._fences.get, line)))
        known = dict(compress(zip(line, map(kept.get, line), strict=True), stand))
        self._fences = dict(compress(zip(line, fences, strict=True), stand))
        if len(known) < len(line):
            new = await self._read([job_id.encode() for job_id in line if job_id not in known])
            known.update((job.id, job) for job in new if job.phase is Phase.QUEUED)
            self._fences.update((job.id, str(job.fence)) for job in new if job.phase is Phase.QUEUED)
            known = {job_id: known[job_id] for job_id in line if job_id in known}
        self._kept = known
        if len(known) > KEPT:
            self._kept = dict(islice(known.items(), KEPT))
            self._fences = {job_id: self._fences[job_id] for job_id in self._kept}
        return list(known.values())
