"""What each tenant's next job would wait: the line as fair shares order it comes in, waits by class go out; pure."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter

from app.line.backlog import Backlog, TenantUse, TenantWaits
from app.line.borrowed_time import borrows
from app.line.dispatch import Pool
from app.line.rules import PRIORITIES, Rules
from app.line.tenant_limit import limited, own_lines
from app.line.tenant_shares import TenantShares
from app.line.weighed_pool import CLASSES, TenantPart, WeighedPool, by_class, most, weighed_pools
from app.types import Job
from app.types.changed import changed

NOBODY = ""  # no tenant's name
TOLD = 64  # tenants of a pool whose own waits are told, those with most jobs; to the others applies what newcomers wait


@dataclass(slots=True)
class _Line:
    """A pool's line, read once for all tenants. Levels are those at which classes stand between tenants."""

    weighed: WeighedPool
    rules: Rules
    devices: int
    levels: Mapping[int, int]
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
        kept_s = self.weighed.kept_s[level]
        if not self.shares or not kept_s:
            return kept_s
        gets = ((self.weighed.held.get(tenant, 0) + ahead) / self.devices + 1) / self.rules.weight(tenant)
        gives = any(gets <= share for share, other in self.shares.get(level, ()) if other != tenant)
        return 0.0 if gives else kept_s


def with_tenants(
    backlog: Backlog,
    waiting: Sequence[Job],
    running: Sequence[Job],
    capacity: Mapping[str, Pool],
    rules: Rules,
    shares: TenantShares,
    most_s: float,
    elsewhere: Sequence[Job] = (),
    pools: Mapping[str, WeighedPool] | None = None,
) -> Backlog:
    """The backlog with what it is to each tenant; `waiting` stands in order, `most_s` is what a job may wait.

    `elsewhere`: under way in other dispatchers' pools, where they count for the leases that a tenant may hold. `pools`:
    all of these weighed, where whoever asks has them.
    """
    rows, most = {}, rules.most_of_tenant
    if pools is None:
        pools = weighed_pools(waiting, running, capacity, backlog.at, rules.age_s, most_s)
    own = {} if most is None else own_lines(waiting, [*running, *elsewhere], capacity, most)
    own_s = {tenant: line.waits_s(backlog.at, rules.age_s) for tenant, line in own.items()}
    recent = shares.recent(backlog.at)
    for name, row in (backlog.pools or {}).items():
        weighed, starts = pools[name], shares.starts(name)
        found, newcomer = tenant_waits(weighed, rules, starts)
        present = weighed.parts.keys() | weighed.held.keys()
        if len(present) == len(found) == 1:
            alone = next(iter(found))  # all that is there is its own, in whose order the row's waits are
            found[alone] = changed(found[alone], ahead_s=row.ahead_s, longest_s=row.longest_s)
        if rules.borrow_s and recent.keys() - present:
            found = {tenant: _lending(waits, weighed.pool, rules, starts, tenant) for tenant, waits in found.items()}
        rows[name] = changed(
            row, tenants=limited(found, newcomer, own, own_s, name) if own else found, newcomer=newcomer
        )
    return changed(backlog, pools=rows, tenants=_use(pools.values(), rules, recent))


def _lending(waits: TenantWaits, pool: Pool, rules: Rules, starts: Mapping[str, float], tenant: str) -> TenantWaits:
    """What is promised where others were there lately, who may come and borrow: one of them does, if it waits at all.

    What those who are there may still borrow is in the waits already; who does so itself waits for nobody who might.
    """
    if borrows(starts, starts[tenant]):
        return waits
    more_s = rules.borrow_s / max(1, pool.replicas)
    return changed(waits, ahead_s={name: s and round(s + more_s, 3) for name, s in waits.ahead_s.items()})


def _use(pools: Iterable[WeighedPool], rules: Rules, recent: Mapping[str, float]) -> dict[str, TenantUse]:
    """The tenants that matter most: who waits or runs, then those who were given most."""
    waits, runs = Counter[str](), Counter[str]()
    for each in pools:
        for tenant, part in each.parts.items():
            waits[tenant] += len(part.rows)
        for tenant, count in each.held.items():
            runs[tenant] += count
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
    weighed: WeighedPool, rules: Rules, starts: Mapping[str, float]
) -> tuple[dict[str, TenantWaits], TenantWaits]:
    """By tenant that waits or runs, and of one that has nothing there, what its next job of each class would wait.

    `starts` says where each tenant's share is, also those of newcomers. A job waits for those whose claim is before its
    own tenant's next: its own tenant's jobs all, of others only as many as come up meanwhile.
    """
    parts, held, least = weighed.parts, weighed.held, starts[NOBODY]
    line = _read(weighed, rules, starts)
    heads = by_class(most(part.first_s for part in parts.values()))
    newcomer = _waits(NOBODY, _NOTHING, line, least, 0.0, heads)
    found = {}
    here = sorted(
        parts.keys() | held.keys(), key=lambda each: (-len(parts.get(each, _NOTHING).rows), -held.get(each, 0), each)
    )
    for tenant in here[:TOLD]:
        mine, longest = parts.get(tenant, _NOTHING), heads
        if len(parts) > 1 and mine.rows:
            theirs = by_class(mine.longest_s)
            longest = {name: max(heads[name], theirs[name]) for name in PRIORITIES}
        start = starts[tenant]
        found[tenant] = _waits(tenant, mine, line, start, start - least, longest)
    return found, newcomer


def _read(weighed: WeighedPool, rules: Rules, starts: Mapping[str, float]) -> _Line:
    pool, levels = weighed.pool, _levels(weighed.lifts)
    standing: dict[int, list[tuple[float, float]]] = defaultdict(list)  # by level: tags and turns
    rising: dict[int, list[tuple[float, float, float]]] = {level: [] for level in levels}
    passed = {its: [level for level in levels if levels[level] > levels[its]] for its in levels}  # those above a class
    all_s = weighed.all_s
    for tenant, part in weighed.parts.items():
        tag, weight = starts[tenant], rules.weight(tenant)
        for its, lifted, lifts_in_s, work, turn in part.rows:
            standing[levels[its]].append((tag, turn))
            for level in passed[its]:
                if lifted >= level:
                    rising[level].append((0.0, tag, turn))
                elif lifted + 1 == level and lifts_in_s <= all_s:
                    rising[level].append((lifts_in_s, tag, turn))
            tag += work / weight
    for rows in rising.values():
        rows.sort()
    for row in standing.values():
        row.sort(key=itemgetter(0))
    tags = {level: [tag for tag, _ in row] for level, row in standing.items()}
    work_s = {level: list(accumulate((turn for _, turn in row), initial=0.0)) for level, row in standing.items()}
    devices = max(1, pool.replicas)
    return _Line(
        weighed=weighed,
        rules=rules,
        devices=devices,
        levels=levels,
        shares=_largest_shares(weighed.left_s, weighed.held, devices, rules) if pool.spare else {},
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


def _levels(lifts: Iterable[tuple[int, int]]) -> dict[int, int]:
    """As `app.line.tenant_order.class_levels`, of every class."""
    reached = list(range(CLASSES))
    for level, lift in lifts:
        if lift > reached[level]:
            reached[level] = lift
    return dict(enumerate(accumulate(reached, max)))


def _waits(
    tenant: str, mine: TenantPart, line: _Line, start: float, lead: float, longest: Mapping[str, float]
) -> TenantWaits:
    ahead_s, ahead, leads, weight = {}, {}, {}, line.rules.weight(tenant)
    work, count = 0.0, 0
    for name, level in _HIGHEST_FIRST:
        work, count = work + mine.work[level], count + mine.jobs[level]
        wait_s, jobs = _wait(tenant, level, line, start + work / weight, count)
        ahead_s[name], ahead[name], leads[name] = round(wait_s, 3), jobs, round(lead + work / weight, 3)
    return TenantWaits(len(mine.rows), line.weighed.held.get(tenant, 0), ahead_s, ahead, leads, dict(longest))


def _wait(tenant: str, level: int, line: _Line, tag: float, own: int) -> tuple[float, int]:
    """Seconds, and jobs, before a job of this class with this tag: those who age past it while it waits among them."""
    work, devices, start_s = line.work_of_running(tenant, level, own), line.devices, line.weighed.pool.start_s
    if not line.tags:  # nobody waits
        return work / devices + start_s, 0
    at = line.levels[level]
    above, same = line.above[at], line.before(at, tag)
    work, jobs = above[0] + same[0] + work, above[1] + same[1]
    for passes_s, its_tag, turn in line.rising[level]:
        if passes_s > work / devices + start_s:
            break
        if its_tag <= tag:
            work, jobs = work + turn, jobs + 1
    return work / devices + start_s, jobs


_HIGHEST_FIRST = tuple(PRIORITIES.items())[::-1]
_NOTHING = TenantPart()  # of a tenant without a job in the line
