"""How many replicas a pool should have: from its work, its busy replicas and its past, without clock or I/O."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from app.line.backlog import PoolBacklog
from app.settings.settings import Settings
from app.types import ReplicaInfo, Word

LONGEST_START_S = 3600.0


@dataclass(frozen=True, slots=True)
class ScaleRules:
    """One pool's policy. Durations in seconds."""

    least: int = 1
    most: int = 1
    drain_s: float = 60.0  # all there is to do should be done within this, one device second for each step-second
    idle_s: float = 300.0  # without any job for so long, `least` replicas are left; until then at least one
    lower_s: float = 30.0  # fewer replicas must have been enough for so long before they go
    margin: float = 0.1  # and enough for so much more work than there is, so that a small wave changes nothing

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most or self.most < 1:
            raise ValueError("a pool has 0 ≤ least ≤ most replicas, and at least one at most")
        if self.drain_s <= 0 or min(self.idle_s, self.lower_s, self.margin) < 0:
            raise ValueError("drain_s is above 0; idle_s, lower_s and margin are at least 0")


def scale_rules_of(settings: Settings) -> dict[str, ScaleRules]:
    """By pool, for those that scale."""
    return {
        pool: ScaleRules(least, most, settings.scale_drain_s, settings.scale_idle_s, settings.scale_lower_s)
        for pool, (least, most) in settings.replicas.items()
    }


class Load(NamedTuple):
    """A pool at a moment. Work of waiting and running jobs in step-seconds; `busy` are the replicas with jobs."""

    jobs: int
    step_seconds: float
    replicas: int
    busy: int


class Because(Word):
    """What decided the number of replicas: a label for metrics."""

    BACKLOG = "backlog"
    BUSY = "busy"
    IDLE = "idle"
    LINGER = "linger"  # fewer would do, but not for long enough yet
    LEAST = "least"
    MOST = "most"


class Scale(NamedTuple):
    """A decision, why, and what the next one has to know: since when there is no job, and since when fewer would do."""

    wanted: int
    because: Because
    why: str
    idle_since: float | None = None
    lower_since: float | None = None


def scale(load: Load, before: Scale | None, now: float, rules: ScaleRules) -> Scale:
    """The replicas that the pool should have now.

    Enough to do all of the backlog within `drain_s`, never fewer than are busy, within `least` and `most`. More come at
    once; fewer only after `lower_s`, and none only after `idle_s` without a job.
    """
    held = min(max(load.replicas if before is None else before.wanted, rules.least), rules.most)
    quiet = load.jobs == 0 and load.busy == 0
    idle_since = _since(quiet, None if before is None else before.idle_since, now)
    idle_for = 0.0 if idle_since is None else now - idle_since
    needed, because, why = _needed(load, idle_for, held, rules)
    spared = max(needed, _enough(load.step_seconds * (1 + rules.margin), load.jobs, rules))
    if needed >= held or spared >= held:
        return Scale(max(needed, held), because, why, idle_since)
    lower_since = _since(True, None if before is None else before.lower_since, now)
    lower_for = now - (now if lower_since is None else lower_since)
    if lower_for >= rules.lower_s:
        return Scale(needed, because, why, idle_since)
    why = f"{why} But {held} stay until that has been so for {rules.lower_s:.0f} s."
    return Scale(held, Because.LINGER, why, idle_since, lower_since)


def _since(now_so: bool, before: float | None, now: float) -> float | None:
    if not now_so:
        return None
    return now if before is None else before


def _enough(step_seconds: float, jobs: int, rules: ScaleRules) -> int:
    return max(math.ceil(step_seconds / rules.drain_s), min(jobs, 1))


def _needed(load: Load, idle_for: float, held: int, rules: ScaleRules) -> tuple[int, Because, str]:
    """What this moment asks for, whatever was before; only how long it has been idle counts."""
    enough = _enough(load.step_seconds, load.jobs, rules)
    needed, because = max((enough, Because.BACKLOG), (load.busy, Because.BUSY), key=lambda pair: pair[0])
    if because is Because.BUSY:
        why = f"{load.busy} replicas are at work."
    else:
        why = f"{load.step_seconds:.1f} step-seconds of {load.jobs} jobs, to be done within {rules.drain_s:.0f} s."
    if needed == 0:
        because, why = Because.IDLE, f"There has been no job for {idle_for:.0f} s."
        if idle_for < rules.idle_s and held and not rules.least:
            needed, because = 1, Because.LINGER
            why = f"{why} The last one goes after {rules.idle_s:.0f} s."
    if needed > rules.most:
        return rules.most, Because.MOST, f"{why} That asks for {needed}; {rules.most} is the most."
    if needed < rules.least:
        return rules.least, Because.LEAST, f"{why} {rules.least} is the least."
    return needed, because, why


@dataclass(frozen=True, slots=True)
class StartTimes:
    """By pool: what its first replica took to come the last time, and since when one is awaited now, Unix seconds."""

    took_s: Mapping[str, float] = field(default_factory=dict)
    asked_at: Mapping[str, float] = field(default_factory=dict)


_STARTS = TypeAdapter(StartTimes)


def starts_to_note(starts: StartTimes) -> dict[str, object]:
    """The record as JSON values."""
    return {"took_s": dict(starts.took_s), "asked_at": dict(starts.asked_at)}


def starts_from_note(note: Mapping[str, object] | None) -> StartTimes:
    """The record of a note; without one, or of one that makes no sense, nothing was measured."""
    try:
        return StartTimes() if note is None else _STARTS.validate_python(note)
    except ValidationError:
        return StartTimes()


class Scaling:
    """The policies of all pools that scale, with what each has decided last."""

    def __init__(self, rules: Mapping[str, ScaleRules]) -> None:
        self._all = dict(rules)
        self._rules = self._all
        self.decided: dict[str, Scale] = {}
        self.starts = StartTimes()

    def only(self, pools: Collection[str]) -> None:
        """Of those that scale it decides for these from now on; what it decided for others is another's now."""
        self._rules = {pool: rules for pool, rules in self._all.items() if pool in pools}
        self.decided = {pool: one for pool, one in self.decided.items() if pool in pools}

    def decide(self, load: Mapping[str, PoolBacklog], replicas: Sequence[ReplicaInfo], now: float) -> None:
        """Decide for each pool by its part of the backlog and by what its replicas say of themselves."""
        for pool, rules in self._rules.items():
            row = load.get(pool, PoolBacklog())
            here = [replica for replica in replicas if replica.pool == pool]
            busy = sum(replica.running > 0 for replica in here)
            work = Load(row.jobs + row.running, row.step_seconds, len(here), busy)
            self.decided[pool] = scale(work, self.decided.get(pool), now, rules)
            self._time_start(pool, bool(here), now)

    def start_left_s(self, pool: str, otherwise_s: float, now: float) -> float:
        """Seconds until a first replica of a pool without any is there; `otherwise_s`: where none was ever measured.

        One that is overdue is expected every moment: within a tenth of what the last one took.
        """
        took_s = self.starts.took_s.get(pool, otherwise_s)
        return max(took_s - self.asked_for_s(pool, now), took_s / 10)

    def asked_for_s(self, pool: str, now: float) -> float:
        """For how long a pool's first replica has been asked for and is not there; 0 where none is."""
        return max(0.0, now - self.starts.asked_at.get(pool, now))

    def _time_start(self, pool: str, here: bool, now: float) -> None:
        asked_at, took_s = dict(self.starts.asked_at), dict(self.starts.took_s)
        if here and pool in asked_at:
            waited_s = now - asked_at.pop(pool)
            if 0.0 <= waited_s <= LONGEST_START_S:  # nobody may have looked for a while
                took_s[pool] = waited_s
        elif not here and self.decided[pool].wanted:
            asked_at.setdefault(pool, now)
        elif not here:
            asked_at.pop(pool, None)
        self.starts = StartTimes(took_s, asked_at)

    def noted(self, load: Mapping[str, PoolBacklog]) -> dict[str, PoolBacklog]:
        """The pools' backlog with what was decided for each: how many replicas are wanted, and why."""
        found = dict(load)
        for pool, one in self.decided.items():
            row = found.get(pool, PoolBacklog())
            found[pool] = replace(row, wanted=one.wanted, because=one.because.value, why=one.why)
        return found
