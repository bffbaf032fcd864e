"""How full memory is, with thresholds and hysteresis, and what a boundary becomes under that: pure, time is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from app.line.batcher import Boundary, Starts, decide, level_with_all
from app.line.order import Entry, Paused, Running, Waiting, over, standings
from app.line.profile import Profile
from app.line.rules import Rules
from app.settings.settings import Settings


class Level(IntEnum):
    """How full a memory is: from `WARNING` on nobody joins, at `CRITICAL` the least urgent make room."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Shares of a memory in use, 0..1. A level is left when `slack` below the share at which it was entered."""

    warning: float = 0.9
    critical: float = 0.95
    slack: float = 0.03

    def __post_init__(self) -> None:
        if not 0 < self.warning < self.critical <= 1 or not 0 <= self.slack < self.warning:
            raise ValueError("0 < warning < critical <= 1, and slack is below warning")


def limits_of(settings: Settings) -> tuple[Limits, Limits]:
    """When memory is short: the host's, the device's."""
    return (
        Limits(settings.host_memory_warning, settings.host_memory_critical),
        Limits(settings.device_memory_warning, settings.device_memory_critical),
    )


@dataclass(frozen=True, slots=True)
class Used:
    """Shares in use, 0..1. `device` is None where the device is the host."""

    host: float
    device: float | None = None


@dataclass(frozen=True, slots=True)
class Pressure:
    """The levels now, and what was read last."""

    host: Level = Level.OK
    device: Level = Level.OK
    used: Used = Used(0.0)

    @property
    def worst(self) -> Level:
        return max(self.host, self.device)


def judged(before: Pressure, used: Used, host: Limits, device: Limits) -> Pressure:
    """The levels that a reading means, coming from those before."""
    on_device = Level.OK if used.device is None else _level(before.device, used.device, device)
    return Pressure(_level(before.host, used.host, host), on_device, used)


def _level(before: Level, used: float, limits: Limits) -> Level:
    for level, least in ((Level.CRITICAL, limits.critical), (Level.WARNING, limits.warning)):
        if used >= least - (limits.slack if before >= level else 0.0):
            return level
    return Level.OK


def pressed(
    now: float,
    running: Sequence[Running],
    waiting: Sequence[Waiting],
    paused: Sequence[Paused],
    rules: Rules,
    profile: Profile,
    pressure: Pressure,
    fresh: bool = True,
    starts: Starts = level_with_all,
) -> Boundary:
    """The boundary under this pressure; `fresh`: memory has been read since the last; `starts` as `decide` says.

    From `WARNING` on nobody joins or goes on while somebody runs; when nobody does, one may, since waiting would free
    nothing. At `CRITICAL` one job makes room per reading, the least urgent, and one always stays: a critical device
    sends it to host memory; a critical host checkpoints it and hands it back, a paused one before a running one, and
    lets nobody new in.
    """
    if pressure.worst is Level.OK:
        return decide(now, running, waiting, paused, rules, profile, starts)
    gone = [entry for entry in (*running, *waiting, *paused) if over(entry, now)]
    staying = [entry for entry in running if not over(entry, now)]
    if not staying:
        new = [entry for entry in waiting if pressure.host is not Level.CRITICAL or over(entry, now)]
        return decide(now, running, new, paused, replace(rules, slots=1), profile, starts)
    giving = _giving(now, staying, paused, rules, profile, pressure) if fresh else None
    name = None if giving is None else giving.job_id
    kept = [entry for entry in running if entry.job_id != name]
    known = [entry for entry in waiting if entry in gone], [entry for entry in paused if entry in gone]
    boundary = decide(now, kept, *known, rules, profile, starts)
    if pressure.device is Level.CRITICAL:
        boundary = replace(boundary, park=tuple(one.job_id for one in paused if one not in gone and not one.parked))
    if name is None:
        return boundary
    if pressure.host is Level.CRITICAL:
        return replace(boundary, hand_back=(name,), park=tuple(one for one in boundary.park if one != name))
    return replace(boundary, pause=(*boundary.pause, name), park=(*boundary.park, name))


def _giving(
    now: float,
    staying: Sequence[Running],
    paused: Sequence[Paused],
    rules: Rules,
    profile: Profile,
    pressure: Pressure,
) -> Entry | None:
    """Who makes room: the least urgent of those who can, or nobody."""
    if pressure.worst is not Level.CRITICAL:
        return None
    rank = standings(now, rules, profile)
    idle: list[Entry] = [entry for entry in paused if not over(entry, now)]
    if pressure.host is not Level.CRITICAL:
        idle = []  # they leave the device as they are
    able: Sequence[Entry] = idle or (staying if len(staying) > 1 else [])
    return max(able, key=lambda entry: rank(entry).key, default=None)
