"""Epochs: each restore of a backup starts one, and fences go on from it, so that none is ever given twice.

A backup holds older fences than those that were given since. Whatever bears a fence (artifact keys, leases,
checkpoints, events) would be taken for another attempt's if they began again where the backup stood.
"""

from __future__ import annotations

FIRST = 10**12
"""Fences from here on have been through a restore: an epoch is a time in ms, and no job has so many attempts."""


def next_epoch(now_ms: int, *known: int) -> int:
    """The epoch that a restore at `now_ms` (Unix milliseconds) starts.

    It is past all that are known and, by the time, any that is not, as when the Redis that knew it was lost.
    """
    return max(now_ms, FIRST, *(each + 1 for each in known))


def was_restored(fence: int) -> bool:
    """Whether a job with that fence has been brought back under way."""
    return fence >= FIRST
