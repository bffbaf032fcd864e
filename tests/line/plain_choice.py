"""The line's rule as it reads: all who wait are ranked at every look. What the kept line has to come to, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from app.line.dispatch import Choice, Pool, remaining
from app.line.order import Entry, Standing, Urgency, standings
from app.line.profile import Profile
from app.line.rules import NORMAL, PRIORITIES, Rules
from app.line.slots import SlotAssignment
from app.line.story_order import in_story_order
from app.line.tenant_order import by_tenant, class_levels, in_turn, levels_of
from app.types import Job

TICK_S = 0.001
_LENGTHS = Profile({((), 1): TICK_S})


def _level_with_all(pool: str) -> Mapping[str, float]:
    return {}


def choose_plainly(
    waiting: Sequence[Job],
    running: Sequence[Job],
    capacity: Mapping[str, Pool],
    now: float,
    rules: Rules,
    starts: Callable[[str], Mapping[str, float]] = _level_with_all,
) -> Choice:
    """The jobs to lease now.

    Within each pool free slots go to the most urgent class, within it to tenants by fair share, and of each tenant to
    its most urgent; a full pool does not hold up another. `starts` says of a pool how far each tenant's share has come
    (`app.line.tenant_shares`). In a full pool a job may still be leased for which a running one gives way by the
    engine's rules, one each: to a higher class, to a tenant that holds less than its share of the slots, or, in its own
    class, to a job with a deadline that it can let finish before it. Each pool chooses so as if it were alone; a tenant
    of which more than it may have leases are chosen lets all go that are less urgent than as many of them, and all
    choose again without those. A job that stays out after its replica was lost holds up nobody.
    """
    rank = standings(now, rules, _LENGTHS)
    late = [job for job in waiting if job.deadline is not None and now >= job.deadline]
    jobs = {job.id: job for job in waiting}
    for job in late:
        del jobs[job.id]
    own = by_tenant(in_story_order(sorted((rank(_entry(job)) for job in jobs.values()), key=_key), jobs))
    place = {one.entry.job_id: number for line in own.values() for number, one in enumerate(line)}
    line = _in_order(own, jobs, starts, rules)
    held, most = Counter(job.tenant for job in running), rules.most_of_tenant
    may = {tenant: len(its) if most is None else max(0, most - held[tenant]) for tenant, its in own.items()}
    out: set[str] = set()  # let go by their tenants, which have more urgent ones to start
    while True:
        taken: set[str] = set()
        for name, pool in capacity.items():
            here = [one for one in line if jobs[one.entry.job_id].plan.pool == name and one.entry.job_id not in out]
            here = [one for one in here if not _paused(jobs[one.entry.job_id], now, rules)]
            at_work = [rank(_entry(job, now)) for job in running if job.plan.pool == name]
            taken |= {one.entry.job_id for one in _admitted(here, at_work, pool, may, rules)}
        too_many = {}
        for tenant, its in own.items():
            places = [place[one.entry.job_id] for one in its if one.entry.job_id in taken]
            if len(places) > may[tenant]:
                too_many[tenant] = places[may[tenant]]
        if not too_many:
            break
        out |= {one.entry.job_id for tenant, first in too_many.items() for one in own[tenant][first:]}
    ids = [one.entry.job_id for one in line]
    return Choice(
        [jobs[job_id] for job_id in ids if job_id in taken],
        [jobs[job_id] for job_id in ids if job_id not in taken],
        late,
    )


def _in_order(
    own: Mapping[str, Sequence[Standing]],
    jobs: Mapping[str, Job],
    starts: Callable[[str], Mapping[str, float]],
    rules: Rules,
) -> list[Standing]:
    """The whole line; where there are several tenants, pool by pool, for each has shares of its own."""
    if len(own) < 2:
        return [one for each in own.values() for one in each]
    pools: dict[str, dict[str, list[Standing]]] = {}
    for tenant, ones in own.items():
        for one in ones:
            pools.setdefault(jobs[one.entry.job_id].plan.pool, {}).setdefault(tenant, []).append(one)
    return [one for name, here in pools.items() for one in fair_order(here, starts(name), rules)]


def _key(one: Standing) -> tuple[int, int, float, float, str]:
    return one.key


def _paused(job: Job, now: float, rules: Rules) -> bool:
    """Whether it stays out for a while after its replica was lost."""
    return job.not_before is not None and 0.0 < job.not_before - now <= rules.pause_most_s


def _first(some: Sequence[Standing], most: Mapping[str, int]) -> list[Standing]:
    """In order, of each tenant no more than so many."""
    count, found = Counter[str](), []
    for one in some:
        count[_tenant(one)] += 1
        if count[_tenant(one)] <= most[_tenant(one)]:
            found.append(one)
    return found


def _entry(job: Job, stepped_at: float | None = None) -> Entry:
    """The job as the order sees it, with the length that its plan estimates. A running one was stepped just now."""
    length_s = job.plan.estimate.step_seconds
    entry = _waiting(job.id, job.priority, job.deadline, job.created_at, job.tenant, length_s)
    if stepped_at is None:
        return entry
    return replace(entry, remaining=_ticks(remaining(job)), since=stepped_at)


def _waiting(
    job_id: str, priority: str, deadline: float | None, created_at: float, tenant: str, length_s: float
) -> Entry:
    urgency, ticks = Urgency(PRIORITIES.get(priority, NORMAL), deadline, created_at, tenant), _ticks(length_s)
    return Entry(job_id, (), urgency, ticks, ticks, created_at)


def _ticks(seconds: float) -> int:
    return max(1, round(seconds / TICK_S))


def _admitted(
    line: Sequence[Standing], at_work: Sequence[Standing], pool: Pool, may: Mapping[str, int], rules: Rules
) -> list[Standing]:
    """Those of one pool's line, which is in order, that start where the pool is alone."""
    taken = _first(line, may)[: pool.free]
    left = dict(Counter(may) - Counter(map(_tenant, taken)))
    rest = [one for one in line if one not in taken and left.get(_tenant(one))]
    room = pool.room - len(taken)
    if not (rest and room and pool.slots and at_work):
        return taken
    # Of more leases than slots the first in turn hold the slots; the others are paused and have nothing to give.
    kept = in_turn(pool.slots, at_work, {}, rules, by_class=True)
    slots = SlotAssignment(kept, replace(rules, slots=pool.slots, device_bytes=None), max(1, pool.replicas))
    lowest = min(one.entry.urgency.priority for one in kept)
    short = slots.short({_tenant(one) for one in rest})
    rivals = [one for one in rest if _due(one) or one.entry.urgency.priority > lowest or _tenant(one) in short]
    rivals = _first(sorted(rivals, key=lambda one: (-one.entry.urgency.priority, one.key)), left)
    for one in in_turn(pool.slots, rivals, slots.held, rules, by_class=True):
        above = slots.lowest < one.entry.urgency.priority
        if len(slots.admitted) < room and (above or _due(one) or _tenant(one) in slots.short({_tenant(one)})):
            slots.preempt_for(one)
    return [*taken, *slots.admitted]


def _due(one: Standing) -> bool:
    return one.entry.urgency.deadline is not None


def _tenant(one: Standing) -> str:
    return one.entry.urgency.tenant


def fair_order(own: Mapping[str, Sequence[Standing]], starts: Mapping[str, float], rules: Rules) -> list[Standing]:
    """All jobs by class, then by start tag."""
    if len(own) < 2:
        return [one for line in own.values() for one in line]
    levels = class_levels(one for line in own.values() for one in line)
    rows: list[tuple[int, float, Any, Standing]] = []
    for tenant, line in own.items():
        weight = rules.weight(tenant)
        tags = accumulate((one.remaining_s / weight for one in line), initial=starts.get(tenant, 0.0))
        rows += [
            (-level, tag, one.key, one) for level, tag, one in zip(levels_of(line, levels), tags, line, strict=False)
        ]
    rows.sort()
    return [row[3] for row in rows]
