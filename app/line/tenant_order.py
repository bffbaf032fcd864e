"""Whose turn it is among tenants: each tenant's jobs in their own order, tenants by fair share within a class; pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from app.line.order import Standing
from app.line.rules import Rules

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
    return levels_reached({(one.entry.urgency.priority, one.level) for one in some})


def levels_reached(lifts: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The same from each class, and each to which age has lifted one of it."""
    reached: dict[int, int] = {}
    for priority, level in lifts:
        reached[priority] = max(level, reached.get(priority, level))
    found, highest = {}, 0
    for priority in sorted(reached):
        found[priority] = highest = max(highest, reached[priority])
    return found


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
        standing = [one.entry.urgency.priority for one in first] if levels is None else levels_of(first, levels, rest)
        rows += [
            (-level, (held.get(tenant, 0) + place) / weight, used, one.key, one)
            for place, (level, one) in enumerate(zip(standing, first, strict=True))
        ]
    return [row[4] for row in heapq.nsmallest(count, rows)]


def first_by_class(count: int, some: Sequence[Standing]) -> list[Standing]:
    """The first of one tenant by class alone, without what age has made of it."""
    return heapq.nsmallest(count, some, key=_by_class)


def levels_of(line: Sequence[Standing], levels: Mapping[int, int], behind: int = 0) -> list[int]:
    """The level at which each of a tenant's jobs stands: that of the highest class from it on, for it is in the way."""
    found = list(accumulate((levels[one.entry.urgency.priority] for one in reversed(line)), max, initial=behind))
    return found[:0:-1]


def _by_key(one: Standing) -> Any:
    return one.key


def _by_class(one: Standing) -> Any:
    return (-one.entry.urgency.priority, one.key)
