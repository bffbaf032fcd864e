"""Requests that were really made, a line of JSON each, without prompts: read for a simulation, written by an export."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.simulate.load.problem import CannotSimulate
from app.simulate.load.request_kind import RequestKind, plan_of
from app.simulate.load.step_times import StepTimes
from app.simulate.load.traffic import Arrival
from app.types import Sampling, VideoSpec

MOST_ROWS = 5_000_000
WAITED_S = 1.0  # who waited for so long began when somebody else had ended
LEAST_GAPS, LONGEST_GAP_S = 10, 2.0
ROUNDED_S = 0.002  # times of a row are in whole milliseconds


class TraceRow(BaseModel):
    """One request. Times are Unix seconds; `key` is equal for requests of one and the same video."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    at: float = Field(ge=0)
    tenant: str = Field("default", max_length=100)
    pool: str = Field("main", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    model: str = Field("", max_length=100)
    tier: str = Field("standard", max_length=40)
    priority: Literal["low", "normal", "high"] = "normal"
    frames: int = Field(ge=1, le=10_000)
    height: int = Field(ge=8, le=16_384)
    width: int = Field(ge=8, le=16_384)
    steps: int = Field(ge=1, le=1000)
    budget: int = Field(ge=1, le=1000)
    evaluations: float | None = Field(None, gt=0, le=1000)
    alone: bool = False
    deadline_s: float | None = Field(None, gt=0)
    key: str = Field("", max_length=100)
    wait_s: float | None = Field(None, ge=0)  # what became of it, where that is told
    latency_s: float | None = Field(None, ge=0)


def read_trace(
    path: Path, times: StepTimes, price: float | None
) -> tuple[tuple[RequestKind, ...], list[Arrival], float, float | None]:
    """Its kinds, its arrivals in order of time, the seconds from the first to the last, and its `turnaround_s`.

    Raises CannotSimulate.
    """
    kinds: dict[tuple[object, ...], RequestKind] = {}
    rows = sorted(_rows(path), key=lambda row: row.at)
    if not rows:
        raise CannotSimulate(f"{path} has no request in it.")
    first, arrivals = rows[0].at, []
    for number, row in enumerate(rows):
        key = row.model_dump(exclude={"at", "tenant", "key", "wait_s", "latency_s"})
        kind = kinds.setdefault(tuple(key.values()), _kind(row, times, price))
        arrivals.append(Arrival(row.at - first, kind, row.tenant, row.key or f"only-{number}"))
    return tuple(kinds.values()), arrivals, rows[-1].at - first, turnaround_s(rows)


def turnaround_s(rows: Sequence[TraceRow]) -> float | None:
    """Seconds from an end to the start of the next who had waited for it: what the service's own decisions take.

    The median; None where too few waited to tell.
    """
    told = [(row.at, row.wait_s, row.latency_s) for row in rows if row.wait_s is not None and row.latency_s is not None]
    ends, gaps = sorted(at + latency_s for at, _, latency_s in told), list[float]()
    for at, wait_s, _ in told:
        before = bisect_right(ends, at + wait_s + ROUNDED_S)
        if wait_s > WAITED_S and before and at + wait_s - ends[before - 1] <= LONGEST_GAP_S:
            gaps.append(max(0.0, at + wait_s - ends[before - 1]))
    return median(gaps) if len(gaps) >= LEAST_GAPS else None


def _rows(path: Path) -> Iterator[TraceRow]:
    try:
        with path.open() as lines:
            for number, line in enumerate(lines, 1):
                if number > MOST_ROWS:
                    raise CannotSimulate(f"{path} has more than {MOST_ROWS} requests.")
                if line.strip():
                    yield _row(line, number, path)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotSimulate(f"{path} cannot be read: {error}.") from None


def _row(line: str, number: int, path: Path) -> TraceRow:
    try:
        row = TraceRow.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise CannotSimulate(f"{path}, line {number}: not JSON: {error.msg}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CannotSimulate(f"{path}, line {number}: {where}: {first['msg']}.") from None
    if row.budget > row.steps:
        raise CannotSimulate(f"{path}, line {number}: a budget of {row.budget} does not fit {row.steps} steps.")
    return row


def _kind(row: TraceRow, times: StepTimes, price: float | None) -> RequestKind:
    spec = VideoSpec(row.width, row.height, row.frames, 16)
    sampling = Sampling(row.steps, row.budget, 1.0, 0, deterministic=row.alone)
    work = row.evaluations or float(row.budget)
    name = f"{row.model + ' ' if row.model else ''}{row.tier}"
    plan = plan_of(name, row.tier, row.pool, spec, sampling, work, times, price, row.model)
    return RequestKind(name, plan, row.budget, work, row.priority, row.deadline_s)
