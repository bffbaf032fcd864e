"""Letting a job in for good: what the replicas of Redis do not confirm is taken back before its client is refused."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from app.errors import StoreUnavailable
from app.jobs.admission_limits import AdmissionLimits, key_name
from app.jobs.redis.places import delete_keys
from app.jobs.redis.scripts import DELETE, Keys
from app.jobs.store import CURSOR_KEPT_S
from app.redis.commands import Commands, not_replicated
from app.redis.replies import Reply, Word
from app.types import Job

log = logging.getLogger(__name__)

# As DELETE, which gives back what was paid, then KEYS once; ARGV … keyed(1|0)
WITHDRAW = (
    """
if ARGV[4] == '1' and redis.call('HGET', KEYS[22], 'id') == ARGV[1] then redis.call('DEL', KEYS[22]) end
"""
    + DELETE
)


async def let_in(
    commands: Commands,
    keys: Keys,
    script: str,
    names: Sequence[str],
    args: Sequence[Word],
    job: Job,
    limits: AdmissionLimits,
) -> Reply:
    """The answer of a script with `scripts.ADMISSION` in it.

    Raises NotReplicated, and then the job is not on record, when it is not certain to outlive the master.
    """
    answer, replicated = await commands.run_promised(script, names, args)
    if not replicated and answer[0] in (b"ok", b"replayed"):
        if answer[0] == b"ok":
            await _withdraw(commands, keys, job, limits)
        raise not_replicated()
    kept: Reply = answer
    return kept


async def _withdraw(commands: Commands, keys: Keys, job: Job, limits: AdmissionLimits) -> None:
    key = limits.idempotency_key
    names = delete_keys(keys, job.id, job.tenant)
    names.append(keys.idempotency_key(key_name(job.tenant, key.value)) if key else keys.open)
    args: list[Word] = [job.id, job.tenant, int(1000 * CURSOR_KEPT_S), int(key is not None)]
    try:
        await commands.run(WITHDRAW, names, args)
    except StoreUnavailable as error:
        log.warning("%s was refused, and may be made all the same: %s", job.id, error)
