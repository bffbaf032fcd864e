"""The newest failures of all tenants, for operators: each end that nobody wished for is noted, older ones go."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from app.types import Job

KEPT = 200
"""Failures of all tenants together."""


@dataclass(frozen=True, slots=True)
class FailureNote:
    """How a job failed, without a word of what it was to show."""

    id: str
    tenant: str
    at: float  # Unix seconds
    code: str
    message: str
    model: str
    pool: str
    tier: str
    attempts: int = 0


_NOTE = TypeAdapter(FailureNote)


class Failures(Protocol):
    """The log. Raises StoreUnavailable."""

    async def add(self, note: FailureNote) -> None:
        """Put it before all others; the last of KEPT goes."""
        ...

    async def recent(self, most: int) -> Sequence[FailureNote]:
        """The newest, the newest first."""
        ...


def failure_of(job: Job, now: float) -> FailureNote | None:
    """What is noted of a job's end; None of one that is well, or was somebody's wish."""
    failure = job.failure
    if failure is None or failure.code == "cancelled":
        return None
    plan = job.plan
    return FailureNote(
        *(job.id, job.tenant, now, failure.code, failure.message, plan.model, plan.pool, plan.tier, job.attempts)
    )


def failure_to_note(failure: FailureNote) -> dict[str, object]:
    """The record as JSON values."""
    return asdict(failure)


def failure_from_json(data: bytes) -> FailureNote | None:
    """The record; None of one that makes no sense, as another version may have left it."""
    try:
        return _NOTE.validate_json(data)
    except ValidationError:
        return None


class MemoryFailures:
    """The log in this process: tests and tools."""

    def __init__(self) -> None:
        self._notes: deque[FailureNote] = deque(maxlen=KEPT)

    async def add(self, note: FailureNote) -> None:
        self._notes.appendleft(note)

    async def recent(self, most: int) -> Sequence[FailureNote]:
        return list(self._notes)[:most]
