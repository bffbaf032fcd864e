"""Who holds a slot at a boundary: the batcher's paper while it fills free slots and lets one job pause another."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from app.line.order import Entry, Standing
from app.line.rules import HIGHEST, Rules

_Row = tuple[float, int, Standing]  # slack, negated; place among those who keep their slots; who
_Groups = dict[int, dict[str, list[_Row]]]  # by class, the lowest first, and tenant


class SlotAssignment:
    """Those who keep their slots (`kept`), get one (`admitted`) and lose one (`preempted`).

    `held` counts slots by tenant. Of several `replicas` nobody knows which one a job will come to: shares are compared
    by what a tenant holds of each on average.
    """

    def __init__(self, kept: Sequence[Standing], rules: Rules, replicas: int = 1) -> None:
        self.rules = rules
        self._kept = {id(one): one for one in kept}
        self._groups: _Groups | None = None
        self._shares: dict[str, float] = {}
        self.admitted: list[Standing] = []
        self.preempted: list[Entry] = []
        self.rivals: dict[str, str] = {}  # who was preempted, and for whom
        self.held_bytes = sum(one.entry.state_bytes for one in kept)
        self.held = Counter(one.entry.urgency.tenant for one in kept)
        self._replicas = replicas

    @property
    def kept(self) -> list[Standing]:
        """Those who keep their slots, in order."""
        return list(self._kept.values())

    @property
    def free(self) -> int:
        return max(0, self.rules.slots - len(self._kept) - len(self.admitted))

    @property
    def admitted_ids(self) -> set[str]:
        """Ids of those who come."""
        return {one.entry.job_id for one in self.admitted}

    def admit(self, one: Standing) -> bool:
        """A free slot for it, if its state fits beside the others'; a job alone is always let in."""
        if not self.free or not self._fits(one):
            return False
        self._admit(one)
        return True

    def preempt_for(self, one: Standing) -> bool:
        """The slot of a running job that can spare it.

        Of the lowest class; of the tenant that then holds the most, by weight; of those with most slack.
        """
        victim = self._victim(one)
        if victim is None:
            return False
        self.preempted.append(victim.entry)
        self.rivals[victim.entry.job_id] = one.entry.job_id
        self.held[victim.entry.urgency.tenant] -= 1
        self._shares.pop(victim.entry.urgency.tenant, None)
        self.held_bytes -= victim.entry.state_bytes
        self._admit(one)
        return True

    @property
    def lowest(self) -> int:
        """The lowest class of those who keep their slots; above all classes where there is none."""
        return min((priority for priority, rows in self._grouped().items() if any(rows.values())), default=HIGHEST + 1)

    def short(self, tenants: Collection[str]) -> set[str]:
        """Those of the tenants who, with a slot more, would hold no more than another with a slot less."""
        return short(tenants, self.held, self.rules, self._replicas)

    def _share(self, tenant: str) -> float:
        """What it holds now; weighed again when that changes."""
        known = self._shares.get(tenant)
        if known is None:
            known = self._shares[tenant] = self._with(tenant, 0)
        return known

    def _with(self, tenant: str, more: int) -> float:
        return _with(tenant, more, self.held, self.rules, self._replicas)

    def _grouped(self) -> _Groups:
        """Those who keep their slots by class and tenant, with most slack first: a pass weighs thousands of rivals."""
        if self._groups is None:
            groups: dict[int, dict[str, list[_Row]]] = {}
            for place, one in enumerate(self._kept.values()):
                urgency = one.entry.urgency
                row = (-one.relative_slack, place, one)
                groups.setdefault(urgency.priority, {}).setdefault(urgency.tenant, []).append(row)
            for rows in groups.values():
                for each in rows.values():
                    each.sort(key=_slack_and_place)
            self._groups = dict(sorted(groups.items()))
        return self._groups

    def _victim(self, rival: Standing) -> Standing | None:
        """Who of the lowest class gives way, taken out of those who keep their slots; None: nobody."""
        mine, gets = rival.entry.urgency, self._with(rival.entry.urgency.tenant, 1)
        for priority, rows in self._grouped().items():
            if priority > mine.priority:
                return None
            best: tuple[float, float, int, str, int] | None = None
            for tenant, row in rows.items():
                shares = -self._share(tenant)
                if not row or (best is not None and shares > best[0]):
                    continue
                peers = priority == mine.priority and tenant != mine.tenant
                if peers and gets > -shares:
                    continue
                index = self._first(row, rival, peers and gets <= self._with(tenant, -1))
                if index is not None and (best is None or (shares, *row[index][:2]) < best[:3]):
                    best = (shares, *row[index][:2], tenant, index)
            if best is not None:
                _, _, victim = rows[best[3]].pop(best[4])
                del self._kept[id(victim)]
                return victim
        return None

    def _first(self, row: Sequence[_Row], rival: Standing, by_share: bool) -> int | None:
        """Which of a class and tenant gives way: the first that may.

        Within a class shares come first: a job gives way to a tenant that holds less, as long as it has no more after
        the swap (`by_share`); for the sake of slack, to one that has then no more than the other had. So no two jobs
        swap back.
        """
        least = rival.relative_slack + self.rules.grain
        same = rival.entry.urgency.priority == row[0][2].entry.urgency.priority
        for index, (slack, _, running) in enumerate(row):
            if same and not by_share and -slack < least:
                return None  # nor has anybody behind it as much slack as `gives_way` asks
            if (by_share or gives_way(running, rival, self.rules)) and self._fits(rival, running):
                return index
        return None

    def _admit(self, one: Standing) -> None:
        self.admitted.append(one)
        self.held[one.entry.urgency.tenant] += 1
        self._shares.pop(one.entry.urgency.tenant, None)
        self.held_bytes += one.entry.state_bytes

    def _fits(self, one: Standing, without: Standing | None = None) -> bool:
        limit, others = self.rules.device_bytes, len(self._kept) + len(self.admitted)
        freed = 0 if without is None else without.entry.state_bytes
        alone = others == (0 if without is None else 1)
        return limit is None or alone or self.held_bytes - freed + one.entry.state_bytes <= limit


def short(tenants: Collection[str], held: Mapping[str, int], rules: Rules, replicas: int = 1) -> set[str]:
    """As `SlotAssignment.short`, where tenants hold so many slots."""
    spare = heapq.nlargest(2, ((_with(tenant, -1, held, rules, replicas), tenant) for tenant in held))
    return {
        tenant
        for tenant in tenants
        if any(_with(tenant, 1, held, rules, replicas) <= left for left, other in spare if other != tenant)
    }


def _with(tenant: str, more: int, held: Mapping[str, int], rules: Rules, replicas: int) -> float:
    """Slots of a replica that a tenant holds with so many more, by its weight."""
    return (held.get(tenant, 0) / replicas + more) / rules.weight(tenant)


def _slack_and_place(row: _Row) -> tuple[float, int]:
    return row[:2]


def gives_way(running: Standing, rival: Standing, rules: Rules) -> bool:
    """Whether a running job gives way: to a higher class, or, in its own, to one that it can let finish before it.

    In its own class it must have more slack, by a grain, even after the rival's whole run. So while the rival runs, the
    paused job never has the better claim, and two jobs do not swap at every boundary.
    """
    mine, yours = running.entry.urgency.priority, rival.entry.urgency.priority
    if yours != mine:
        return yours > mine and rival.level > running.level
    if not running.length_s or not rival.length_s:
        return False
    return (running.slack_s - rival.remaining_s) / running.length_s >= rival.relative_slack + rules.grain
