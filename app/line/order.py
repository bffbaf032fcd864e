"""How urgent each job is at a moment: priority class, ageing and slack, in one key that puts the most urgent first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

from app.line.profile import Profile, Shape
from app.line.rules import HIGHEST, NORMAL, Rules


@dataclass(frozen=True, slots=True)
class Urgency:
    """When a job came, by when it has to be done, and how much it matters. Times are the engine's clock, in seconds."""

    priority: int = NORMAL  # one of PRIORITIES' values
    deadline: float | None = None
    arrived: float = 0.0
    tenant: str = ""  # whose it is


@dataclass(frozen=True, slots=True)
class Entry:
    """What the batcher knows of a job, wherever it is. A new job's `since` is when it arrived."""

    job_id: str
    shape: Shape
    urgency: Urgency
    evaluations: float = 1  # guided ones of the whole plan; one without its unconditional pass is half
    remaining: float = 1  # of them still to come
    since: float = 0.0  # without a step since then; see `aged`
    state_bytes: int = 0
    leaving: bool = False  # done or stopped
    forecast: bool = False  # its next step needs no forward, so no place in the batch
    alone: bool = False  # it shares no forward
    group: str | None = None  # it shares a forward with its own group only; None: not known before it starts


@dataclass(frozen=True, slots=True)
class Waiting(Entry):
    """A job that has not started."""


@dataclass(frozen=True, slots=True)
class Running(Entry):
    """A job with a slot."""

    stepped: int = 0  # number of the boundary at which it last was in a batch, or of the one before it joined
    used_s: float = 0.0  # device time that its shape has had, as `FairShare` counts it
    tenant_used_s: float = 0.0  # the same of its tenant, by weight
    passes: float = 1.0  # what its next step takes of a guided one: one of its two passes is half


@dataclass(frozen=True, slots=True)
class Paused(Entry):
    """A job that had a slot and will have one again."""

    parked: bool = False  # its tensors are in host memory


class Standing(NamedTuple):
    """A job's urgency now; the least `key` is the most urgent."""

    entry: Entry
    key: tuple[int, int, float, float, str]
    level: int  # its class, lifted by age
    remaining_s: float
    length_s: float  # of the whole job alone on the device; 0 while its shape is unknown
    slack_s: float  # deadline - now - remaining_s (GenServe, 2604.04335)
    relative_slack: float  # the slack in its own lengths, not below -patience


def standings(now: float, rules: Rules, profile: Profile) -> Callable[[Entry], Standing]:
    """How to tell a job's standing at this moment.

    A job without deadline counts as due after `patience` times its standalone time. Slack is compared in the job's own
    lengths, so that those come first who would otherwise have waited the longest for their size; equals by what
    remains, then by arrival. Those later than `patience` lengths, and those of unknown length, come before and in order
    of arrival, so that an overload of short jobs cannot hold up a long one for ever.
    """
    step_s: dict[Shape, float] = {}
    latest, patience, grain, age_s = -rules.patience, rules.patience, rules.grain, rules.age_s
    first = floor(latest / grain) - 1  # before all whose slack is compared
    make = tuple.__new__  # a thousand jobs are ranked at a boundary: the named tuple's own constructor takes a quarter

    def standing(entry: Entry) -> Standing:
        urgency, shape = entry.urgency, entry.shape
        each_s = step_s.get(shape)
        if each_s is None:
            each_s = step_s[shape] = profile.step_s(shape)
        remaining_s, length_s, arrived = entry.remaining * each_s, entry.evaluations * each_s, urgency.arrived
        due = arrived + patience * length_s if urgency.deadline is None else urgency.deadline
        slack_s = due - now - remaining_s
        relative_slack = slack_s / length_s if length_s else latest
        level, waited_s = urgency.priority, now - entry.since
        if waited_s >= age_s and level < HIGHEST:
            level = min(HIGHEST, level + int(waited_s / age_s))
        if relative_slack > latest:
            key = (-level, floor(relative_slack / grain), remaining_s, arrived, entry.job_id)
        else:
            relative_slack, key = latest, (-level, first, arrived, arrived, entry.job_id)
        return make(Standing, (entry, key, level, remaining_s, length_s, slack_s, relative_slack))

    return standing


def aged(entry_since: float, priority: int, now: float, used_s: float, rules: Rules) -> float:
    """The `since` of a job that has just used the device for `used_s`: each such second costs 1/aged_share of age.

    So a job that waited its way up a class keeps an `aged_share` of the device against those above it: nothing
    starves, and one who was lifted sinks after a step when somebody more urgent is there.
    """
    most = (HIGHEST - priority) * rules.age_s
    return min(now, max(entry_since, now - most) + used_s / rules.aged_share)


def over(entry: Entry, now: float) -> bool:
    """Whether the job goes at this boundary: done, stopped, or too late."""
    return entry.leaving or (entry.urgency.deadline is not None and now >= entry.urgency.deadline)
