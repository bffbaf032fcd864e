"""Changes into the arguments that a script is given: between the job stores and their Lua."""

from __future__ import annotations

from collections.abc import Mapping

from app.jobs.changes import Change
from app.jobs.quotas import label
from app.jobs.record import fields_to_json
from app.redis.replies import Word


def change_args(job_id: str, change: Change, fence: int | None = None, tenant: str | None = None) -> list[Word]:
    """The arguments of `scripts.CHANGE`."""
    return [
        job_id,
        "" if tenant is None else tenant,
        "" if fence is None else fence,
        f"|{'|'.join(sorted(phase.value for phase in change.sources))}|",
        "" if change.phase is None else change.phase.value,
        change.step,
        int(change.new_fence),
        int(change.new_attempt),
        "" if change.holder is None else change.holder,
        "" if change.until is None else change.until,
        change.values.get("expires_at", ""),
        int(change.wakes),
        change.resolve_at,
        int(change.new_loss),
        change.gives_back,
        change.stored_bytes,
        *_period(change),
        *flat(fields_to_json(change.values)),
    ]


def _period(change: Change) -> tuple[str, str]:
    """The day and month that a change which stores something falls in."""
    if not change.stored_bytes:
        return "", ""
    now: float = change.values["completed_at"]
    return label("day", now), label("month", now)


def flat(values: Mapping[str, Word]) -> list[Word]:
    """Names and values, one after the other."""
    return [word for pair in values.items() for word in pair]
