"""What jobs cost, by day and month, in this process: with the same rules as the sums in Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.jobs.admission_limits import AdmissionLimits, bucket, refused_by
from app.jobs.quotas import Charge, Held, Standing, charges_of, fits, is_over, label, quotas_of, seats_of, stores_for
from app.types import Job


@dataclass(slots=True)
class Bill:
    """What one job costs, and whether it has been paid."""

    charges: tuple[Charge, ...]
    window: tuple[int, float] | None  # part of the window that rolls, and step-seconds
    stores: tuple[str, ...]
    paid: bool = False


class MemoryQuotas:
    """Sums by name, bills by job, and the step-seconds of tenants by part of the window."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.spent: dict[str, dict[int, float]] = {}
        self._bills: dict[str, Bill] = {}

    def refuse(self, job: Job, limits: AdmissionLimits, pays: bool, opened: Callable[[Held], int]) -> None:
        """Raises what `refused_by` makes; `opened` says how many jobs of an account are open."""
        by_name = {each.open_name: each for each in limits.held}
        for seat in seats_of(limits.held):
            if opened(by_name[seat.open_name]) >= seat.most:
                raise refused_by("seats", seat.limit, job.created_at)
        for charge in charges_of(job, limits.held) if pays else ():
            if not fits(self.sums.get(charge.sum_name, 0.0), charge):
                raise refused_by("quota", charge.limit, job.created_at)

    def enter(self, job: Job, limits: AdmissionLimits, pays: bool) -> None:
        """Note what a job costs; it is paid now, or when it is promoted."""
        day, month = label("day", job.created_at), label("month", job.created_at)
        self.sums = {name: used for name, used in self.sums.items() if not is_over(name, day, month)}
        window = None if limits.most_spent is None else (bucket(job.created_at, limits), job.plan.estimate.step_seconds)
        self._bills[job.id] = Bill(charges_of(job, limits.held), window, stores_for(limits.held))
        if pays:
            self.pay(job)

    def pay(self, job: Job) -> None:
        """Once."""
        bill = self._bills.get(job.id)
        if bill is not None and not bill.paid:
            bill.paid = True
            self._add(job, bill, 1.0)

    def give_back(self, job: Job) -> None:
        """What was paid, once."""
        bill = self._bills.get(job.id)
        if bill is not None and bill.paid:
            del self._bills[job.id]
            self._add(job, bill, -1.0)

    def store(self, job: Job, size_bytes: int, now: float) -> None:
        """What a job has stored is counted when it is."""
        bill = self._bills.get(job.id)
        for account in bill.stores if bill is not None else ():
            for period in (label("day", now), label("month", now)):
                name = f"{period}|stored_bytes|{account}"
                self.sums[name] = self.sums.get(name, 0.0) + size_bytes

    async def standings(self, held: Sequence[Held], now: float) -> Sequence[Standing]:
        """How much of each quota is used."""
        return tuple(each._replace(used=self.sums.get(name, 0.0)) for each, name in quotas_of(held, now))

    def _add(self, job: Job, bill: Bill, sign: float) -> None:
        for charge in bill.charges:
            if sign > 0 or charge.sum_name in self.sums:
                self.sums[charge.sum_name] = self.sums.get(charge.sum_name, 0.0) + sign * charge.amount
        if bill.window is not None:
            buckets, (place, amount) = self.spent.setdefault(job.tenant, {}), bill.window
            buckets[place] = buckets.get(place, 0.0) + sign * amount
