"""The report of a video as frozen records; what a newer server adds is kept in `extra`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.client.errors import UNEXPECTED_ANSWER, KinorayClientError
from app.client.records import CacheUse, JsonObject, expect_mapping, known_fields, part


@dataclass(frozen=True, slots=True)
class ReportStage:
    """A stage: seconds since the request came, and how long; None: it is under way."""

    name: str = ""
    offset_s: float = 0.0
    duration_s: float | None = None
    attempt: int | None = None
    host_memory_bytes: int | None = None
    device_memory_bytes: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ReportWait:
    """A wait, its cause, and why in a sentence; `by` are your own jobs by whose doing."""

    cause: str = ""
    offset_s: float = 0.0
    duration_s: float | None = None
    attempt: int | None = None
    by: tuple[str, ...] = ()
    why: str = ""
    step: int | None = None


@dataclass(frozen=True, slots=True)
class ReportBatch:
    """Steps one after another in batches of one size; 0: they were forecast."""

    batch: int = 0
    steps: int = 0
    took_s: float = 0.0
    packed: tuple[Mapping[str, Any], ...] | None = None  # the others, by `job` and `shape`, if of several shapes


@dataclass(frozen=True, slots=True)
class ReportAttempt:
    """One try on one replica, by right of a fence."""

    number: int = 0
    fence: int = 0
    replica: str | None = None
    leased_at: float | None = None
    ended_at: float | None = None
    outcome: str = ""
    why: str | None = None
    resumed_from_step: int | None = None
    batches: tuple[ReportBatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Where most of the time went."""

    name: str = ""
    duration_s: float = 0.0
    share: float = 0.0
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class VideoReport:
    """What became of a video so far. Fields without a name here are in `extra`."""

    id: str
    model: str = ""
    status: str = ""
    phase: str = ""
    received_at: float = 0.0
    completed_at: float | None = None
    total_s: float = 0.0
    step: int = 0
    total_steps: int = 0
    device_seconds: float = 0.0
    peak_memory_bytes: int | None = None
    trace_id: str | None = None
    bottleneck: Bottleneck = Bottleneck()
    cache: CacheUse = CacheUse()
    stages: tuple[ReportStage, ...] = ()
    waits: tuple[ReportWait, ...] = ()
    attempts: tuple[ReportAttempt, ...] = ()
    extra: JsonObject = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, answer: object) -> VideoReport:
        """A report as the server sends it. Raises KinorayClientError when it is something else."""
        data = expect_mapping(answer, "report")
        if not isinstance(data.get("id"), str):
            raise KinorayClientError(200, UNEXPECTED_ANSWER, "The server's report has no id")
        known = known_fields(cls, data)
        known["bottleneck"] = Bottleneck(**known_fields(Bottleneck, part(data, "bottleneck")))
        known["cache"] = CacheUse(**known_fields(CacheUse, part(data, "cache")))
        known["stages"] = tuple(ReportStage(**known_fields(ReportStage, row)) for row in _rows(data, "stages"))
        known["waits"] = tuple(
            ReportWait(**{**known_fields(ReportWait, row), "by": tuple(row.get("by") or ())})
            for row in _rows(data, "waits")
        )
        known["attempts"] = tuple(_attempt(row) for row in _rows(data, "attempts"))
        return cls(**known, extra={name: value for name, value in data.items() if name not in cls.__slots__})


def _attempt(row: JsonObject) -> ReportAttempt:
    batches = tuple(ReportBatch(**known_fields(ReportBatch, each)) for each in _rows(row, "batches"))
    return ReportAttempt(**{**known_fields(ReportAttempt, row), "batches": batches})


def _rows(data: JsonObject, name: str) -> list[Mapping[str, Any]]:
    found = data.get(name)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, (list, tuple)) else []
