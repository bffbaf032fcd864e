"""What a replica has measured of its forwards, and which batch sizes are worth forming: read at a boundary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from app.line.packing import Mix, Packed

Shape = tuple[int, ...]  # (frames, height, width); jobs of one shape can share a forward
Times = Mapping[tuple[Shape, int], float]  # seconds a step takes by shape and batch size

MOST_MIXES = 256  # in a note
Row = TypeVar("Row")
_TIME = TypeAdapter(tuple[tuple[int, int, int], int, float])  # shape, batch, seconds: a row of a note
_MIX = TypeAdapter(tuple[tuple[tuple[tuple[int, int, int], int], ...], float])  # (shape, jobs) ..., seconds
_LIMIT = TypeAdapter(tuple[tuple[int, int, int], int, int])  # shape, batch, bytes left


@dataclass(frozen=True, slots=True)
class Profile:
    """Step times, as far as known. `settled` are those sure enough to reject a batch size by; the others are tried.

    `limits` holds the largest batch of a shape that memory has shown to hold, where it has refused a larger one.
    """

    times: Times = field(default_factory=dict)
    settled: frozenset[tuple[Shape, int]] = frozenset()
    limits: Mapping[Shape, int] = field(default_factory=dict)
    packed: Packed = Packed()

    def step_s(self, shape: Shape, batch: int = 1) -> float:
        """Seconds of a step of `batch` jobs, or what the nearest known batch size takes; 0 when none is known."""
        if (shape, batch) in self.times:
            return self.times[shape, batch]
        known = [size for asked, size in self.times if asked == shape]
        return self.times[shape, min(known, key=lambda size: abs(size - batch))] if known else 0.0


@dataclass(frozen=True, slots=True)
class Noted:
    """What replicas have measured on one kind of hardware: step times, and largest batches with the room they had."""

    times: Times = field(default_factory=dict)
    limits: Mapping[Shape, tuple[int, int]] = field(default_factory=dict)  # shape -> largest batch, bytes left then
    packed: Mapping[Mix, float] = field(default_factory=dict)  # seconds a packed step takes


def to_note(
    times: Times, limits: Mapping[Shape, tuple[int, int]] | None = None, packed: Mapping[Mix, float] | None = None
) -> dict[str, object]:
    """Step times and largest batches as JSON, to be kept for the next replica on the same hardware."""
    return {
        "times": [[list(shape), batch, round(seconds, 6)] for (shape, batch), seconds in times.items()],
        "limits": [[list(shape), batch, left_bytes] for shape, (batch, left_bytes) in (limits or {}).items()],
        "packed": [
            [[[list(shape), jobs] for shape, jobs in mix], round(seconds, 6)]
            for mix, seconds in list((packed or {}).items())[-MOST_MIXES:]
            if seconds < math.inf
        ],
    }


def noted(note: Mapping[str, object]) -> Noted:
    """All that is in a note; what makes no sense in it is passed over."""
    rows = _rows(_LIMIT, note.get("limits"))
    limits: dict[Shape, tuple[int, int]] = {row[0]: row[1:] for row in rows if row[1] >= 1 and row[2] >= 0}
    mixes: dict[Mix, float] = {
        tuple(sorted(mix)): seconds
        for mix, seconds in _rows(_MIX, note.get("packed"))
        if len(mix) > 1 and min(jobs for _, jobs in mix) >= 1 and 0 < seconds < math.inf
    }
    return Noted(from_note(note), limits, mixes)


def grows(held: Sequence[tuple[int, int]], left_bytes: int) -> bool:
    """Whether one job more fits, by what the (batch, bytes) measured so far took: each further one as the last did."""
    batch, took = held[-1]
    before = held[-2] if len(held) > 1 else (0, 0)
    each = max(0, took - before[1]) / max(1, batch - before[0])
    return took + max(each, 0 if len(held) > 1 else took) <= left_bytes


def from_note(note: Mapping[str, object]) -> dict[tuple[Shape, int], float]:
    """The step times in a note; what is not one in it is passed over."""
    rows = _rows(_TIME, note.get("times"))
    return {(shape, batch): seconds for shape, batch, seconds in rows if batch >= 1 and 0 < seconds < math.inf}


def _rows(kind: TypeAdapter[Row], found: object) -> list[Row]:
    """Those of a note's rows that are of this kind."""
    rows = []
    for row in found if isinstance(found, (list, tuple)) else ():
        try:
            rows.append(kind.validate_python(row))
        except ValidationError:
            continue
    return rows


def useful_sizes(profile: Profile, shape: Shape, max_batch: int, gain: float) -> tuple[int, ...]:
    """The batch sizes of this shape that are formed, ascending; 1 is always among them.

    A size is worth forming when a job's share of its time is less by `gain` than at the next smaller such size. Sizes
    not yet measured are tried one after the other, smallest first: an unknown shape starts with 1. On large videos
    one job fills the device and only 1 remains; small ones gain up to 3 times (SGLang PR 22183, H200).
    """
    sizes, best_s = [1], profile.times.get((shape, 1))
    for size in range(2, min(max_batch, profile.limits.get(shape, max_batch)) + 1):
        if best_s is None:
            break
        each_s = profile.times[shape, size] / size if (shape, size) in profile.times else None
        if each_s is not None and each_s <= (1 - gain) * best_s:
            sizes.append(size)
            best_s = each_s
        elif (shape, size) not in profile.settled:
            sizes.append(size)
            if each_s is None:
                break
    return tuple(sizes)


def fitting_size(sizes: tuple[int, ...], ready: int) -> int:
    """The largest of the ascending `sizes` for which there are enough jobs."""
    return max(size for size in sizes if size <= max(1, ready))
