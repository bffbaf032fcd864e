"""How long a replica takes: its own profile, or a table, is read into step times for every shape and batch size."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.line.profile import Profile, Shape, from_note
from app.simulate.load.problem import CannotSimulate

MOST_BYTES = 16 * 2**20
Seconds = dict[str, float]


class _Figures(BaseModel):
    """What a replica says of itself, by "FxHxW"; the names are those of `/api/stats`."""

    model_config = ConfigDict(allow_inf_nan=False)

    step_times: Seconds
    batch_times: dict[str, dict[int, float]] = Field(default_factory=dict)  # of tables: also for more jobs a forward
    overheads: Seconds = Field(default_factory=dict)
    device_overheads: Seconds = Field(default_factory=dict)
    overhead_s: float = Field(0.0, ge=0)
    device_overhead_s: float = Field(0.0, ge=0)
    source: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Seconds by shape (frames, height, width): of a step by batch size, of all else of a job, and of the device's.

    A shape that nobody has measured is scaled from the nearest by pixels x frames, as the planner does; a batch size
    from the nearest smaller one by jobs, so that what was not measured is never believed to pay.
    """

    times: Mapping[tuple[Shape, int], float]
    overheads: Mapping[Shape, float] = field(default_factory=dict)
    device_overheads: Mapping[Shape, float] = field(default_factory=dict)
    overhead_s: float = 0.0
    device_overhead_s: float = 0.0
    source: str = ""

    def step_s(self, shape: Shape, batch: int = 1) -> float:
        """Seconds of one forward of so many jobs."""
        near = shape if (shape, 1) in self.times else self._nearest(shape)
        scale = math.prod(shape) / math.prod(near)
        known = max(size for of, size in self.times if of == near and size <= batch)
        return self.times[near, known] * scale * batch / known

    def beside_s(self, shape: Shape) -> tuple[float, float]:
        """Seconds of a job beside its steps, and of them the device's."""
        overhead = self.overheads.get(shape, self.overhead_s)
        return overhead, min(overhead, self.device_overheads.get(shape, self.device_overhead_s))

    def measured(self, shape: Shape) -> bool:
        """Whether the shape's own step was measured."""
        return (shape, 1) in self.times

    def profile(self, shapes: set[Shape], most: int) -> Profile:
        """All a batcher asks, settled: of these shapes, for up to `most` jobs a forward."""
        times = {(shape, batch): self.step_s(shape, batch) for shape in shapes for batch in range(1, most + 1)}
        return Profile(times, frozenset(times))

    def _nearest(self, shape: Shape) -> Shape:
        volume = math.prod(shape)
        return min((of for of, size in self.times if size == 1), key=lambda of: abs(math.prod(of) - volume))


def read_step_times(path: Path) -> StepTimes:
    """Of a table, of `/api/stats`, of one of its replicas, or of a profile note. Raises CannotSimulate."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CannotSimulate(f"{path} has more than {MOST_BYTES // 2**20} MiB; it is no table of step times.")
        told = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise CannotSimulate(f"{path} cannot be read: {error}.") from None
    except json.JSONDecodeError as error:
        raise CannotSimulate(f"{path} is not JSON: {error}.") from None
    if not isinstance(told, dict):
        raise CannotSimulate(f"{path} is no table of step times: it must be a JSON object.")
    return _noted(told, path) if "times" in told else _told(told, path)


def _noted(note: dict[str, Any], path: Path) -> StepTimes:
    """A replica's own note: [[shape, batch, seconds], ...]."""
    times = from_note(note)
    if not any(batch == 1 for _, batch in times):
        raise CannotSimulate(f"{path} has no step time of a job alone in `times`.")
    alone = {shape for shape, batch in times if batch == 1}
    return StepTimes({key: seconds for key, seconds in times.items() if key[0] in alone}, source=path.name)


def _told(told: dict[str, Any], path: Path) -> StepTimes:
    rows = told["replicas"] if isinstance(told.get("replicas"), list) else [told]
    try:
        figures = [_Figures.model_validate(row) for row in rows]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CannotSimulate(f"{path}: {where}: {first['msg']}.") from None
    figures = [each for each in figures if each.step_times]
    if not figures:
        raise CannotSimulate(f'{path} has no `step_times`: a map such as {{"81x480x832": 9.77}} of seconds.')
    times = {(shape, 1): seconds for shape, seconds in _mean([each.step_times for each in figures], path).items()}
    for each in figures:
        for name, sizes in each.batch_times.items():
            times |= {(_shape(name, path), batch): _above_0(seconds, path) for batch, seconds in sizes.items()}
    if missing := sorted(of for of, batch in times if batch > 1 and (of, 1) not in times):
        raise CannotSimulate(f"{path}: `batch_times` of {missing[0]} needs its `step_times`, too.")
    return StepTimes(
        times,
        _mean([each.overheads for each in figures], path),
        _mean([each.device_overheads for each in figures], path),
        sum(each.overhead_s for each in figures) / len(figures),
        sum(each.device_overhead_s for each in figures) / len(figures),
        figures[0].source or path.name,
    )


def _mean(tables: list[Seconds], path: Path) -> dict[Shape, float]:
    found: dict[Shape, list[float]] = {}
    for table in tables:
        for name, seconds in table.items():
            found.setdefault(_shape(name, path), []).append(_above_0(seconds, path))
    return {shape: sum(each) / len(each) for shape, each in found.items()}


def _shape(name: str, path: Path) -> Shape:
    parts = name.split("x")
    if len(parts) != 3 or not all(part.isdigit() and 0 < int(part) <= 100_000 for part in parts):
        raise CannotSimulate(f"{path}: {name[:40]!r} is no shape; one is FRAMESxHEIGHTxWIDTH, such as 81x480x832.")
    return int(parts[0]), int(parts[1]), int(parts[2])


def _above_0(seconds: float, path: Path) -> float:
    if not 0.0 < seconds < 86_400.0:
        raise CannotSimulate(f"{path}: a time is above 0 and below a day, in seconds; {seconds:g} is not.")
    return seconds
