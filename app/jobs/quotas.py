"""What a job costs its tenant and its key, by day and by month: what is checked and counted when it is recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from app.settings.limits import MEASURES, PERIODS, Account, Measure, Period, Quota
from app.types import Failure, Job

GivesBack = Literal["never", "unstarted", "always"]

CLIENTS_OWN: Final = frozenset({"cancelled", "timeout"})
"""Codes of failures that are nobody's fault here: what was paid is given back only if no device has worked for it."""
OPEN_OF_KEY: Final = "\x1fkey:"
"""Begins, among the sums, the names of the counts of open jobs by key."""
DAY_S: Final = 86400
MORE: Final = 1e-9  # sums of floats are not exact


@dataclass(frozen=True, slots=True)
class Held:
    """One that a job is counted for: `tenant` or `key`, its name, and what it may."""

    kind: Literal["tenant", "key"]
    name: str
    may: Account

    @property
    def limits_jobs(self) -> bool:
        """Whether there is anything that a job is counted for."""
        return self.may.concurrent is not None or not (self.may.day == self.may.month == Quota())

    @property
    def account(self) -> str:
        """Its name among all accounts."""
        return f"{self.kind}|{self.name}"

    @property
    def open_name(self) -> str:
        """Its name among the counts of open jobs."""
        return self.name if self.kind == "tenant" else f"{OPEN_OF_KEY}{self.name}"


class Charge(NamedTuple):
    """An amount, the sum that it is added to, the most that this may come to, and the name of that limit."""

    sum_name: str
    amount: float
    most: float
    limit: str


class Seats(NamedTuple):
    """How many open jobs there may be of the name, and the name of that limit."""

    open_name: str
    most: int
    limit: str


class Standing(NamedTuple):
    """How much of a quota is used; it is 0 again at `resets_at`, Unix seconds."""

    limit: str
    measure: Measure
    period: Period
    most: float
    used: float
    resets_at: float


def label(period: Period, now: float) -> str:
    """The day (2026-11-28) or the month (2026-11) that a moment is in, as UTC has them."""
    return _label(period, int(now // DAY_S))


@lru_cache(maxsize=64)
def _label(period: Period, days: int) -> str:
    """The same of the day that begins so many days after the epoch."""
    day = dt.datetime.fromtimestamp(days * DAY_S, dt.timezone.utc)
    return day.strftime("%Y-%m-%d" if period == "day" else "%Y-%m")


def ends_at(period: Period, now: float) -> float:
    """When that day or month ends, Unix seconds."""
    day = dt.datetime.fromtimestamp(now, dt.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    first = day.replace(day=1)
    after = day + dt.timedelta(days=1) if period == "day" else (first + dt.timedelta(days=32)).replace(day=1)
    return after.timestamp()


def is_over(sum_name: str, day: str, month: str) -> bool:
    """Whether the sum is of a day or month before these."""
    named = sum_name.partition("|")[0]
    return named < (day if len(named) > len(month) else month)


def quotas_of(held: Iterable[Held], now: float) -> Iterator[tuple[Standing, str]]:
    """Every quota, as if nothing of it were used, and the name of its sum."""
    for each in held:
        for period in PERIODS:
            quota = each.may.day if period == "day" else each.may.month
            for measure in MEASURES:
                if (most := quota.of(measure)) is not None:
                    limit = f"limits.{each.kind}.{period}.{measure}"
                    sum_name = f"{label(period, now)}|{measure}|{each.account}"
                    yield Standing(limit, measure, period, most, 0.0, ends_at(period, now)), sum_name


def charges_of(job: Job, held: Iterable[Held]) -> tuple[Charge, ...]:
    """What the job costs where there is a limit. What it will store is counted when it is: now only what was."""
    costs = costs_of(job)
    found = ((standing, name, costs[standing.measure]) for standing, name in quotas_of(held, job.created_at))
    return tuple(
        Charge(name, cost, standing.most, standing.limit)
        for standing, name, cost in found
        if cost > 0 or standing.measure == "stored_bytes"
    )


def costs_of(job: Job) -> Mapping[Measure, float]:
    """What a job is expected to cost, by measure."""
    plan = job.plan
    return {
        "jobs": 1.0,
        "step_seconds": plan.estimate.step_seconds,
        "money": plan.estimate.cost or 0.0,
        "upload_bytes": float(sum(each.size_bytes for each in plan.inputs)),
        "stored_bytes": 0.0,
    }


def seats_of(held: Iterable[Held]) -> tuple[Seats, ...]:
    """The limits on open jobs."""
    return tuple(
        Seats(each.open_name, each.may.concurrent, f"limits.{each.kind}.concurrent")
        for each in held
        if each.may.concurrent is not None
    )


def fits(used: float, charge: Charge) -> bool:
    """Whether the charge may be added; where it is only known later, whether there is anything left."""
    return used < charge.most if charge.amount == 0 else used + charge.amount <= charge.most + MORE


def stores_for(held: Iterable[Held]) -> tuple[str, ...]:
    """The accounts that pay for what the job will store."""
    asked = ((each.account, each.may.day.stored_bytes, each.may.month.stored_bytes) for each in held)
    return tuple(account for account, day, month in asked if day is not None or month is not None)


def gives_back(failure: Failure) -> GivesBack:
    """When a job that ends so has cost nothing: always if we are at fault, else if no device has worked for it."""
    return "unstarted" if failure.code in CLIENTS_OWN else "always"
