"""Who holds a slot at a boundary: the batcher's paper while it fills free slots and lets one job pause another."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Sequence

from app.line.order import Entry, Standing
from app.line.rules import Rules


class SlotAssignment:
    """Those who keep their slots (`kept`), get one (`admitted`) and lose one (`preempted`).

    `held` counts slots by tenant. Of several `replicas` nobody knows which one a job will come to: shares are compared
    by what a tenant holds of each on average.
    """

    def __init__(self, kept: Sequence[Standing], rules: Rules, replicas: int = 1) -> None:
        self.rules = rules
        self.kept = list(kept)
        self.admitted: list[Standing] = []
        self.preempted: list[Entry] = []
        self.rivals: dict[str, str] = {}  # who was preempted, and for whom
        self.held_bytes = sum(one.entry.state_bytes for one in kept)
        self.held = Counter(one.entry.urgency.tenant for one in kept)
        self._replicas = replicas

    @property
    def free(self) -> int:
        return max(0, self.rules.slots - len(self.kept) - len(self.admitted))

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
        willing = [other for other in self.kept if self._yields(other, one) and self._fits(one, other)]
        if not willing:
            return False
        victim = min(willing, key=self._as_victim)
        self.kept.remove(victim)
        self.preempted.append(victim.entry)
        self.rivals[victim.entry.job_id] = one.entry.job_id
        self.held[victim.entry.urgency.tenant] -= 1
        self.held_bytes -= victim.entry.state_bytes
        self._admit(one)
        return True

    def short(self, tenants: Collection[str]) -> set[str]:
        """Those of the tenants who, with a slot more, would hold no more than another with a slot less."""
        spare = heapq.nlargest(2, ((self._with(tenant, -1), tenant) for tenant in self.held))
        return {
            tenant
            for tenant in tenants
            if any(self._with(tenant, 1) <= left for left, other in spare if other != tenant)
        }

    def _with(self, tenant: str, more: int) -> float:
        """Slots of a replica that a tenant holds with so many more, by its weight."""
        return (self.held[tenant] / self._replicas + more) / self.rules.weight(tenant)

    def _yields(self, running: Standing, rival: Standing) -> bool:
        """Whether a running job gives way; within a class shares come first.

        To a tenant that holds less, as long as it has no more after the swap; for the sake of slack, to one that has
        then no more than the other had. So no two jobs swap back.
        """
        mine, yours = running.entry.urgency, rival.entry.urgency
        if mine.tenant == yours.tenant or mine.priority != yours.priority:
            return gives_way(running, rival, self.rules)
        gets = self._with(yours.tenant, 1)
        if gets <= self._with(mine.tenant, -1):
            return True
        return gets <= self._with(mine.tenant, 0) and gives_way(running, rival, self.rules)

    def _as_victim(self, one: Standing) -> tuple[int, float, float]:
        tenant = one.entry.urgency.tenant
        return (one.entry.urgency.priority, -self._with(tenant, 0), -one.relative_slack)

    def _admit(self, one: Standing) -> None:
        self.admitted.append(one)
        self.held[one.entry.urgency.tenant] += 1
        self.held_bytes += one.entry.state_bytes

    def _fits(self, one: Standing, without: Standing | None = None) -> bool:
        limit, others = self.rules.device_bytes, len(self.kept) + len(self.admitted)
        freed = 0 if without is None else without.entry.state_bytes
        alone = others == (0 if without is None else 1)
        return limit is None or alone or self.held_bytes - freed + one.entry.state_bytes <= limit


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
