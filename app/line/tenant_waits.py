"""What each tenant's next job would wait: the line as fair shares order it comes in, waits by class go out; pure."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf
from operator import itemgetter
from typing import NamedTuple

from app.line.backlog import Backlog, TenantUse, TenantWaits
from app.line.borrowed_time import borrows
from app.line.dispatch import Pool, remaining
from app.line.rules import HIGHEST, NORMAL, PRIORITIES, Rules
from app.line.tenant_limit import limited, own_lines
from app.line.tenant_shares import TenantShares
from app.line.wait_estimates import by_pool, longest_s, passes_in_s, running_left_s
from app.types import Job

NOBODY = ""  # no tenant's name
TOLD = 64  # tenants of a pool whose own waits are told, those with most jobs; to the others applies what newcomers wait


class _Waiting(NamedTuple):
    """A job in the line with all that is asked of it more than once. `level` is its class, `lifted` that by its age."""

    tag: float
    turn_s: float
    work: float
    level: int
    lifted: int
    job: Job


@dataclass(frozen=True, slots=True)
class _Line:
    """A pool's line, read once for all tenants. Levels are those at which classes stand between tenants."""

    left_s: Mapping[tuple[str, int], float]  # of running jobs, by tenant and class
    stays_s: Mapping[int, float]  # of those that a job of each class does not make give way
    pool: Pool
    rules: Rules
    levels: Mapping[int, int]
    held: Mapping[str, int]
    shares: Mapping[int, Sequence[tuple[float, str]]]  # by class: the two largest of who runs there, with a slot less
    tags: Mapping[int, Sequence[float]]  # by level, ascending
    work_s: Mapping[int, Sequence[float]]  # by level: of the first 0, 1, … of them
    above: Mapping[int, tuple[float, int]]  # by level: seconds of work, and jobs, that go before it whatever the shares
    rising: Mapping[int, Sequence[tuple[float, float, float]]]  # by class: who ages into it when, its tag, its turn

    def before(self, level: int, tag: float) -> tuple[float, int]:
        """The same of those at the level who have a claim before this tag, or one as good."""
        count = bisect_right(self.tags.get(level, ()), tag)
        return (self.work_s[level][count] if count else 0.0), count

    def work_of_running(self, tenant: str, level: int, ahead: int) -> float:
        """Seconds of running jobs that stay: those of its class and above, unless one makes room for a fair share."""
        if not self.pool.spare or not self.left_s:
            return self.stays_s[level]
        gets = ((self.held.get(tenant, 0) + ahead) / max(1, self.pool.replicas) + 1) / self.rules.weight(tenant)
        gives = any(gets <= share for share, other in self.shares.get(level, ()) if other != tenant)
        return 0.0 if gives else self.stays_s[level]


def with_tenants(
    backlog: Backlog,
    waiting: Sequence[Job],
    running: Sequence[Job],
    capacity: Mapping[str, Pool],
    rules: Rules,
    shares: TenantShares,
    most_s: float,
    elsewhere: Sequence[Job] = (),
) -> Backlog:
    """The backlog with what it is to each tenant; `waiting` stands in order, `most_s` is what a job may wait.

    `elsewhere`: under way in other dispatchers' pools, where they count for the leases that a tenant may hold.
    """
    rows, lines, under_way = {}, by_pool(waiting), by_pool(running)
    most = rules.most_of_tenant
    own = {} if most is None else own_lines(waiting, [*running, *elsewhere], capacity, most)
    own_s = {tenant: line.waits_s(backlog.at, rules.age_s) for tenant, line in own.items()}
    recent = shares.recent(backlog.at)
    for name, row in (backlog.pools or {}).items():
        ahead, at_work = lines.get(name, []), under_way.get(name, [])
        pool, starts = capacity.get(name, Pool(0, 0, 0)), shares.starts(name)
        found, newcomer = tenant_waits(ahead, at_work, pool, backlog.at, rules, starts, most_s)
        present = {job.tenant for job in (*ahead, *at_work)}
        if len(present) == len(found) == 1:
            alone = next(iter(found))  # all that is there is its own, in whose order the row's waits are
            found[alone] = replace(found[alone], ahead_s=row.ahead_s, longest_s=row.longest_s)
        away = recent.keys() - present
        if away and rules.borrow_s:
            found = {tenant: _lending(waits, pool, rules, starts, tenant) for tenant, waits in found.items()}
        rows[name] = replace(row, tenants=limited(found, newcomer, own, own_s, name), newcomer=newcomer)
    return replace(backlog, pools=rows, tenants=_use(waiting, running, rules, recent))


def _lending(waits: TenantWaits, pool: Pool, rules: Rules, starts: Mapping[str, float], tenant: str) -> TenantWaits:
    """What is promised where others were there lately, who may come and borrow: one of them does, if it waits at all.

    What those who are there may still borrow is in the waits already; who does so itself waits for nobody who might.
    """
    if borrows(starts, starts[tenant]):
        return waits
    more_s = rules.borrow_s / max(1, pool.replicas)
    return replace(waits, ahead_s={name: s and round(s + more_s, 3) for name, s in waits.ahead_s.items()})


def _use(
    waiting: Sequence[Job], running: Sequence[Job], rules: Rules, recent: Mapping[str, float]
) -> dict[str, TenantUse]:
    """The tenants that matter most: who waits or runs, then those who were given most."""
    waits, runs = Counter(job.tenant for job in waiting), Counter(job.tenant for job in running)
    total = sum(recent.values())
    names = sorted(waits.keys() | runs.keys(), key=lambda tenant: -waits[tenant] - runs[tenant])
    names += sorted(recent.keys() - set(names), key=lambda tenant: -recent[tenant])
    return {
        tenant: TenantUse(
            rules.weight(tenant),
            waits[tenant],
            runs[tenant],
            round(recent.get(tenant, 0.0), 3),
            round(recent.get(tenant, 0.0) / total, 4) if total else 0.0,
        )
        for tenant in names[:TOLD]
    }


def tenant_waits(
    waiting: Sequence[Job],
    running: Sequence[Job],
    pool: Pool,
    now: float,
    rules: Rules,
    starts: Mapping[str, float],
    most_s: float,
) -> tuple[dict[str, TenantWaits], TenantWaits]:
    """By tenant that waits or runs, and of one that has nothing there, what its next job of each class would wait.

    `starts` says where each tenant's share is, also those of newcomers. A job waits for those whose claim is before its
    own tenant's next: its own tenant's jobs all, of others only as many as come up meanwhile.
    """
    own = _by_tenant(waiting, pool, now, rules, starts)
    held = Counter(job.tenant for job in running)
    line = _read(own, running, held, pool, now, rules)
    waits = _starts_in_s(waiting, own, sum(line.left_s.values()), pool)
    least = starts[NOBODY]
    heads = longest_s([jobs[0].job for jobs in own.values()], waits, now, rules.age_s, most_s)
    newcomer = _waits(NOBODY, [], line, least, 0.0, heads)
    found = {}
    here = sorted(own.keys() | held.keys(), key=lambda tenant: (-len(own.get(tenant, ())), -held[tenant], tenant))
    for tenant in here[:TOLD]:
        mine, longest = own.get(tenant, []), heads
        if len(own) > 1 and mine:
            theirs = longest_s([one.job for one in mine], waits, now, rules.age_s, most_s)
            longest = {name: max(heads[name], theirs[name]) for name in PRIORITIES}
        found[tenant] = _waits(tenant, mine, line, starts[tenant], starts[tenant] - least, longest)
    return found, newcomer


def _starts_in_s(
    waiting: Sequence[Job], own: Mapping[str, Sequence[_Waiting]], before_s: float, pool: Pool
) -> dict[str, float]:
    """Seconds until each of the line starts, most urgent first."""
    turns = {one[5].id: one[1] for ones in own.values() for one in ones}
    devices, found = max(1, pool.replicas), {}
    for job in waiting:
        found[job.id] = before_s / devices + pool.start_s
        before_s += turns[job.id]
    return found


def _by_tenant(
    waiting: Sequence[Job], pool: Pool, now: float, rules: Rules, starts: Mapping[str, float]
) -> dict[str, list[_Waiting]]:
    """Each tenant's jobs, in order, with their tags."""
    own: dict[str, list[_Waiting]] = {}
    tags = dict[str, float]()
    alone, age_s = 0 < pool.slots <= pool.replicas, rules.age_s
    weights, classes = dict[str, float](), dict(PRIORITIES)
    for job in waiting:
        tenant, level, asked = job.tenant, classes.get(job.priority, NORMAL), job.plan.estimate
        work = asked.step_seconds if not job.step else remaining(job)
        tag = tags[tenant] if tenant in tags else starts[tenant]
        if tenant not in weights:
            weights[tenant] = rules.weight(tenant)
        tags[tenant] = tag + work / weights[tenant]
        lift = min(HIGHEST, level + int(max(0.0, now - job.created_at) / age_s))  # as `lifted`, for each of thousands
        turn = asked.seconds if alone else max(asked.step_seconds, asked.device_seconds)  # as `turn_s`
        own.setdefault(tenant, []).append(_Waiting(tag, turn, work, level, lift, job))
    return own


def _read(
    own: Mapping[str, Sequence[_Waiting]],
    running: Sequence[Job],
    held: Mapping[str, int],
    pool: Pool,
    now: float,
    rules: Rules,
) -> _Line:
    everyone = [one for ones in own.values() for one in ones]
    levels = _levels(everyone)
    standing: dict[int, list[_Waiting]] = defaultdict(list)
    for one in everyone:
        standing[levels[one.level]].append(one)
    for row in standing.values():
        row.sort(key=itemgetter(0))  # its tag
    rising = {}
    for level in PRIORITIES.values():
        low = {its for its in levels if levels[its] < levels[level]}
        below = [one for one in everyone if one.level in low] if low else []
        when = ((passes_in_s(one.job, level, now, rules.age_s), one.tag, one.turn_s) for one in below)
        rising[level] = sorted(row for row in when if row[0] < inf)
    left_s = running_left_s(running, pool)
    tags = {level: [one.tag for one in row] for level, row in standing.items()}
    work_s = {level: [0.0, *accumulate(one.turn_s for one in row)] for level, row in standing.items()}
    return _Line(
        left_s=left_s,
        stays_s={
            level: sum(left for (_, its), left in left_s.items() if its >= level or not pool.spare)
            for level in PRIORITIES.values()
        },
        pool=pool,
        rules=rules,
        levels=levels,
        held=held,
        shares=_largest_shares(left_s, held, max(1, pool.replicas), rules) if pool.spare else {},
        tags=tags,
        work_s=work_s,
        above={level: _above(level, tags, work_s) for level in set(levels.values())},
        rising=rising,
    )


def _largest_shares(
    left_s: Mapping[tuple[str, int], float], held: Mapping[str, int], replicas: int, rules: Rules
) -> dict[int, list[tuple[float, str]]]:
    """Slots of a replica by weight that a tenant would hold with one less."""
    found: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for tenant, level in left_s:
        found[level].append(((held[tenant] / replicas - 1) / rules.weight(tenant), tenant))
    return {level: heapq.nlargest(2, shares) for level, shares in found.items()}


def _above(level: int, tags: Mapping[int, Sequence[float]], work_s: Mapping[int, Sequence[float]]) -> tuple[float, int]:
    rows = [each for each in tags if each > level]
    return sum(work_s[each][-1] for each in rows), sum(len(tags[each]) for each in rows)


def _levels(waiting: Sequence[_Waiting]) -> dict[int, int]:
    """As `app.line.tenant_order.class_levels`, of every class."""
    reached = {level: level for level in PRIORITIES.values()}
    for level, lift in {(one.level, one.lifted) for one in waiting}:
        reached[level] = max(reached[level], lift)
    return dict(zip(sorted(reached), accumulate((reached[level] for level in sorted(reached)), max), strict=True))


def _waits(
    tenant: str, mine: Sequence[_Waiting], line: _Line, start: float, lead: float, longest: Mapping[str, float]
) -> TenantWaits:
    ahead_s, ahead, leads = {}, {}, {}
    for name, level in PRIORITIES.items():
        before = [one.work for one in mine if one.lifted >= level]
        done = sum(before) / line.rules.weight(tenant)
        wait_s, jobs = _wait(tenant, level, line, start + done, len(before))
        ahead_s[name], ahead[name], leads[name] = round(wait_s, 3), jobs, round(lead + done, 3)
    return TenantWaits(len(mine), line.held.get(tenant, 0), ahead_s, ahead, leads, dict(longest))


def _wait(tenant: str, level: int, line: _Line, tag: float, own: int) -> tuple[float, int]:
    """Seconds, and jobs, before a job of this class with this tag: those who age past it while it waits among them."""
    at, devices, start_s = line.levels[level], max(1, line.pool.replicas), line.pool.start_s
    above, same = line.above[at], line.before(at, tag)
    work, jobs = above[0] + same[0] + line.work_of_running(tenant, level, own), above[1] + same[1]
    for passes_s, its_tag, turn in line.rising[level]:
        if passes_s > work / devices + start_s:
            break
        if its_tag <= tag:
            work, jobs = work + turn, jobs + 1
    return work / devices + start_s, jobs
