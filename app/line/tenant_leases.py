"""To which of a tenant's jobs the leases go that it may still have, over all pools; pure.

Pools and tenants are matched as by deferred acceptance (Gale and Shapley 1962; here many to many): each pool chooses
as if it were alone, a tenant with more jobs chosen than it may have lets the least urgent of them go, and pools choose
again without those, until nobody has too many. So what is chosen does not depend on which pool is looked at first, and
no lease of a tenant goes to a job while a more urgent one of it could start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from app.line.order import Standing
from app.line.waiting_line import WaitingLine
from app.types import Job

Key = tuple[int, int, float, float, str]  # as of `Standing`, the least is the most urgent


class TenantLeases:
    """What each tenant may have beside what it holds, in one decision.

    `most`: the leases that a tenant may hold; None: any number. Of a tenant's line in each pool only those may start
    who stand before its bar, which falls while pools and tenants come to terms.
    """

    def __init__(self, line: WaitingLine, running: Sequence[Job], most: int | None) -> None:
        self._line = line
        self._most = most
        self._held = Counter[str]() if most is None else Counter(job.tenant for job in running)
        self._bars: dict[str, Key] = {}

    def left(self, tenant: str) -> int | None:
        """Leases that it may still have; None: any number."""
        return None if self._most is None else max(0, self._most - self._held[tenant])

    def asked(self, tenant: str, pool: str) -> Sequence[Standing]:
        """Its line in a pool as far as its bar, most urgent first."""
        line = self._line.pool(pool)[tenant]
        bar = self._bars.get(tenant)
        return line.rows() if bar is None else line.rows()[: bisect_left(line.places(), bar)]

    def settle(self, chosen: Mapping[str, Iterable[Standing]]) -> Collection[str]:
        """The tenants of which the pools have chosen too many, whose bars have fallen: those pools choose again."""
        if self._most is None or len(chosen) < 2:  # a single pool chooses no more of anybody than that
            return ()
        count = Counter(_tenant(one) for some in chosen.values() for one in some)
        over = {tenant for tenant, many in count.items() if many > (self.left(tenant) or 0)}
        for tenant in over:
            places = sorted(place for pool, some in chosen.items() for place in self._places(tenant, pool, some))
            self._bars[tenant] = places[self.left(tenant) or 0]
        return over

    def _places(self, tenant: str, pool: str, some: Iterable[Standing]) -> list[Key]:
        mine = {one.entry.job_id for one in some if _tenant(one) == tenant}
        if not mine:
            return []
        line = self._line.pool(pool)[tenant]
        return [key for one, key in zip(line.rows(), line.places(), strict=True) if one.entry.job_id in mine]


def _tenant(one: Standing) -> str:
    return one.entry.urgency.tenant
