"""How long jobs will wait: estimated from the line for each class, and read from the backlog; no clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf
from types import MappingProxyType
from zlib import crc32

from app.line.backlog import Backlog, PoolBacklog
from app.line.dispatch import Pool, turn_s
from app.line.rules import HIGHEST, NORMAL, PRIORITIES
from app.line.weighed_pool import WeighedPool, by_class, weighed_pools
from app.types import Job, Plan

COUNTERS = 32  # of each pool and class, for all tenants


def measure(
    waiting: Sequence[Job],
    running: Sequence[Job],
    capacity: Mapping[str, Pool],
    now: float,
    age_s: float = 120.0,
    most_s: float = inf,
    entered: Mapping[str, float] = MappingProxyType({}),
) -> Backlog:
    """As `measured`, of jobs. The line is given in order of urgency; `most_s` is what a job may wait."""
    return measured(weighed_pools(waiting, running, capacity, now, age_s, most_s), now, entered)


def measured(pools: Mapping[str, WeighedPool], now: float, entered: Mapping[str, float]) -> Backlog:
    """The backlog: work in step-seconds by pool, and the longest pool's wait.

    The wait is what one device after another would need for all that is ahead: it does not count on batches to pay. A
    pool without replicas starts one first. `entered` counts what was let in, from before the line was read: whatever
    has been added to it since is not in the line.
    """
    rows = {name: _row(each) for name, each in pools.items()}
    return Backlog(
        at=now,
        jobs=sum(row.jobs for row in rows.values()),
        running=sum(row.running for row in rows.values()),
        step_seconds=round(sum(row.step_seconds for row in rows.values()), 3),
        wait_s=max((row.wait_s for row in rows.values()), default=0.0),
        pools=rows,
        entered=dict(entered),
    )


def _row(weighed: WeighedPool) -> PoolBacklog:
    pool = weighed.pool
    return PoolBacklog(
        jobs=weighed.jobs,
        running=sum(weighed.held.values()),
        step_seconds=round(weighed.work + weighed.left, 3),
        slots=pool.slots,
        replicas=pool.replicas,
        comes=pool.foreseen,
        wait_s=round(weighed.all_s, 3),
        start_s=round(pool.start_s, 3) or None,
        ahead_s=ahead_s(weighed),
        classes={name: weighed.counts[level] for name, level in PRIORITIES.items() if weighed.counts[level]},
        longest_s=by_class(weighed.longest_s),
    )


def wait_of(backlog: Backlog, job: Job) -> float:
    """Seconds that a new job will wait, for its class and tenant in its pool."""
    if backlog.pools is None:
        return backlog.wait_s
    row = backlog.pool(job.plan.pool)
    waits = row.waits_of(job.tenant)
    return (row if waits is None else waits).ahead_s.get(job.priority, row.wait_s)


def held_up_s(backlog: Backlog, job: Job) -> float:
    """The longest wait, in seconds, of those whom this new job goes before, once it does.

    Of another tenant only the first counts: its others wait for its own.
    """
    row = backlog.pool(job.plan.pool)
    longest = (row.waits_of(job.tenant) or row).longest_s.get(job.priority, 0.0)
    return longest + turn_in(backlog, job) / max(1, row.replicas) if longest else 0.0


def turn_in(backlog: Backlog, job: Job) -> float:
    """Seconds for which a new job will keep others from a device; see `turn_s`."""
    return turn_s(job, backlog.pool(job.plan.pool).capacity)


def counter_of(job: Job) -> str:
    """The counter, among those of the work that was let in, to which a job's is added: of its pool, class and tenant.

    Tenants share a few: there are as many counters as there are pools, whoever comes.
    """
    return f"{job.plan.pool}/{job.priority}/{crc32(job.tenant.encode()) % COUNTERS}"


def entered_since(backlog: Backlog, entered: Mapping[str, float], job: Job, weight: float = 1.0) -> float:
    """Seconds of work that was let in before this job, and after the backlog was measured, and goes before it.

    `entered` are the counters with the job's own work in them already, `weight` that of its tenant. Of its class goes
    before it what its own tenant was let in with, and of each other as much as comes up meanwhile, and one such job.
    Where the backlog knows of no counters there is none.
    """
    if backlog.entered is None:
        return 0.0
    row, cost = backlog.pool(job.plan.pool), turn_in(backlog, job)
    mine, own_counter = PRIORITIES.get(job.priority, NORMAL), counter_of(job).rpartition("/")[2]
    above, own, others, known = 0.0, -cost, list[float](), backlog.entered.get
    for name, total in entered.items():
        since = total - known(name, 0.0)
        if not since:  # most often of nearly all: nobody of those came in since
            continue
        pool, level, counter = _counted(name)
        if pool != job.plan.pool or level < mine:
            continue
        if counter == own_counter:
            own += since
        elif level > mine or not counter:
            above += since
        else:
            others.append(since)
    waits, own = row.waits_of(job.tenant), max(0.0, own)
    comes_up = (own + cost) / weight + (0.0 if waits is None else waits.lead.get(job.priority, 0.0))
    work = above + own + sum(max(0.0, min(since, comes_up)) for since in others)
    return max(0.0, work) / max(1, row.replicas)


@lru_cache(maxsize=4096)  # of each pool and class a few
def _counted(name: str) -> tuple[str, int, str]:
    """Pool, class and tenants' number of a counter; an older one has no number."""
    rest, _, last = name.rpartition("/")
    if last in PRIORITIES:
        return rest, PRIORITIES[last], ""
    pool, _, priority = rest.rpartition("/")
    return pool, PRIORITIES.get(priority, NORMAL), last


def expected_of_new(backlog: Backlog | None, plan: Plan, tenant: str, priority: str) -> float:
    """Seconds until a job of that tenant and class would be done if it came now."""
    row = (backlog or Backlog()).pool(plan.pool)
    waits = row.waits_of(tenant)
    if waits is None:
        return expected_s(backlog, behind_all(backlog, plan), plan)
    return round(min(row.wait_s, waits.ahead_s.get(priority, row.wait_s)) + plan.estimate.seconds, 2)


def expected_s(backlog: Backlog | None, position: int, plan: Plan) -> float:
    """Seconds until a job at this place is done: its share of the pool's wait, and its own time."""
    row = (backlog or Backlog()).pool(plan.pool)
    ahead = row.wait_s * min(1.0, (position + 1) / (row.jobs + 1))
    return round(ahead + plan.estimate.seconds, 2)


def behind_all(backlog: Backlog | None, plan: Plan) -> int:
    """The position of a job that comes now, behind all that wait in its pool."""
    return (backlog or Backlog()).pool(plan.pool).jobs


def lifted(level: int, waited_s: float, age_s: float) -> int:
    """The class of a job that has waited so long, as `app.line.order` lifts it."""
    return min(HIGHEST, level + int(max(0.0, waited_s) / age_s))


def ahead_s(weighed: WeighedPool) -> dict[str, float]:
    """Seconds of work before a job of each class that comes to this pool now.

    Before it go those of its class and above, and those who age into its class while it waits: they are found by
    looking again with the longer wait, until nobody is added. Running jobs count that it cannot pause. It does not
    count on batches to pay, nor does it know of those who will come.
    """
    devices, start_s, found = max(1, weighed.pool.replicas), weighed.pool.start_s, {}
    for name, level in PRIORITIES.items():
        work = weighed.kept_s[level] + sum(weighed.turns_s[level:])
        for passes_s, turn in weighed.rising(level):
            if passes_s > work / devices + start_s:
                break
            work += turn
        found[name] = round(work / devices + start_s, 3)
    return found


def rising(
    waiting: Sequence[Job], turns_s: Sequence[float], now: float, age_s: float
) -> dict[int, list[tuple[float, float]]]:
    """By class: when each waiting job stands at least as high as a new one of it, seconds from now, and its turn.

    Both age. The soonest first; who never will is not among them.
    """
    found: dict[int, list[tuple[float, float]]] = {level: [] for level in PRIORITIES.values()}
    for job, length_s in zip(waiting, turns_s, strict=True):
        waited_s = max(0.0, now - job.created_at)
        reached = min(HIGHEST, _level(job) + int(waited_s / age_s))  # as `lifted`, for each of thousands
        for level in range(reached + 1):
            found[level].append((0.0, length_s))
        if reached < HIGHEST:
            found[reached + 1].append((age_s - waited_s % age_s, length_s))
    for row in found.values():
        row.sort()
    return found


def _level(job: Job) -> int:
    return PRIORITIES.get(job.priority, NORMAL)
