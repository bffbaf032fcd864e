"""Changes into the words that a script is given, and its answers back: between the job stores and their Lua."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.jobs.changes import Change
from app.jobs.record import fields_to_json


def change_words(job_id: str, change: Change, fence: int | None = None, tenant: str | None = None) -> list[Any]:
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
        *flat(fields_to_json(change.values)),
    ]


def flat(values: Mapping[str, bytes]) -> list[str | bytes]:
    """Names and values, one after the other."""
    return [word for pair in values.items() for word in pair]


def mapping(answer: Any) -> dict[bytes, bytes]:
    """A hash, which comes as a mapping from commands and as a flat list from scripts."""
    return answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
