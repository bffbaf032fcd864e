"""Whose turn it is among tenants: each tenant's jobs in their own order, tenants by fair share within a class; pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from app.line.order import Standing
from app.line.rules import Rules

Own = Mapping[str, Sequence[Standing]]  # jobs by tenant, each tenant's in its own order
Key = Callable[[Standing], Any]


def by_tenant(some: Iterable[Standing]) -> dict[str, list[Standing]]:
    """The same jobs by tenant, in the same order."""
    found: dict[str, list[Standing]] = {}
    for one in some:
        tenant = one.entry.urgency.tenant
        if tenant in found:
            found[tenant].append(one)
        else:
            found[tenant] = [one]
    return found


def class_levels(some: Iterable[Standing]) -> dict[int, int]:
    """At which level each class stands between tenants: as high as age has lifted one of it, or of one below.

    Age lifts a job above those of its own class; between tenants it lifts the whole class. Otherwise a tenant with a
    long line, whose jobs are old because there are so many, would come before everybody else's new ones.
    """
    reached: dict[int, int] = {}
    for priority, level in {(one.entry.urgency.priority, one.level) for one in some}:
        reached[priority] = max(level, reached.get(priority, level))
    found, highest = {}, 0
    for priority in sorted(reached):
        found[priority] = highest = max(highest, reached[priority])
    return found


def fair_order(own: Own, starts: Mapping[str, float], rules: Rules) -> list[Standing]:
    """All jobs by class, then by start tag: the virtual time at which its tenant's share comes to it.

    Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) with step-seconds as the length of a job: a tenant's
    virtual time goes on by the work of each of its jobs over its weight, and the least is served next. As in Virtual
    Token Counters (Sheng et al., OSDI 2024) who comes starts level with the least of those who are there; `starts`
    holds where each tenant is now. Of equal tags the more urgent job goes first. So of two tenants that wait in one
    class neither gets ahead of the other by more than one job of each, over weights; and a single tenant's order, like
    that of each tenant's own jobs, is that of their keys.
    """
    if len(own) < 2:
        return [one for line in own.values() for one in line]
    levels = class_levels(one for line in own.values() for one in line)
    rows: list[tuple[int, float, Any, Standing]] = []
    for tenant, line in own.items():
        weight = rules.weight(tenant)
        tags = accumulate((one.remaining_s / weight for one in line), initial=starts.get(tenant, 0.0))
        rows += [
            (-level, tag, one.key, one) for level, tag, one in zip(_levels(line, levels), tags, line, strict=False)
        ]
    rows.sort()
    return [row[3] for row in rows]


def in_turn(
    count: int,
    some: Sequence[Standing],
    held: Mapping[str, int],
    rules: Rules,
    by_class: bool = False,
    used_s: Mapping[str, float] | None = None,
) -> list[Standing]:
    """The first `count` who get a slot, where tenants hold so many already: within a class who holds least, by weight.

    `by_class`: by class alone, without what age has made of it, as is asked who may take another's slot. `used_s` is
    device time of tenants, by weight, which decides among those who hold as many.
    """
    key: Key = _by_class if by_class else _by_key
    own = by_tenant(some)
    if len(own) < 2:
        return heapq.nsmallest(count, some, key=key)
    levels = None if by_class else class_levels(some)
    rows: list[tuple[int, float, float, Any, Standing]] = []
    for tenant, line in own.items():
        first, weight, used = (
            heapq.nsmallest(count, line, key=key),
            rules.weight(tenant),
            (used_s or {}).get(tenant, 0.0),
        )
        rest = (
            max((levels[one.entry.urgency.priority] for one in line), default=0) if levels and len(line) > count else 0
        )
        standing = [one.entry.urgency.priority for one in first] if levels is None else _levels(first, levels, rest)
        rows += [
            (-level, (held.get(tenant, 0) + place) / weight, used, one.key, one)
            for place, (level, one) in enumerate(zip(standing, first, strict=True))
        ]
    return [row[4] for row in heapq.nsmallest(count, rows)]


def _levels(line: Sequence[Standing], levels: Mapping[int, int], behind: int = 0) -> list[int]:
    """The level at which each of a tenant's jobs stands: that of the highest class from it on, for it is in the way."""
    found = list(accumulate((levels[one.entry.urgency.priority] for one in reversed(line)), max, initial=behind))
    return found[:0:-1]


def _by_key(one: Standing) -> Any:
    return one.key


def _by_class(one: Standing) -> Any:
    return (-one.entry.urgency.priority, one.key)
