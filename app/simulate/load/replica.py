"""A replica on virtual time: the real batcher decides at each step boundary; stretches in which it cannot are leapt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.line.batcher import Boundary, Paused, Running, Waiting, decide
from app.line.borrowed_time import borrows
from app.line.fair_share import FairShare, TenantShare
from app.line.order import Urgency, aged
from app.line.profile import Profile, Shape, fitting_size, useful_sizes
from app.line.rules import PRIORITIES, Rules
from app.simulate.load.request_kind import RequestKind
from app.types import Job

WAITING, RUNNING, PAUSED = "waiting", "running", "paused"


@dataclass(slots=True, eq=False)
class Attempt:
    """A job in a replica. `left`: forwards still to come; `weight`: of one, in guided evaluations."""

    job: Job
    kind: RequestKind
    urgency: Urgency
    left: int
    weight: float
    since: float
    place: str = WAITING
    stepped: int = 0

    @property
    def shape(self) -> Shape:
        return self.kind.shape


def attempt(job: Job, kind: RequestKind, now: float) -> Attempt:
    """The job as it comes to a replica."""
    urgency = Urgency(PRIORITIES[job.priority], job.deadline, job.created_at, job.tenant)
    weight = kind.evaluations / max(1, kind.forwards)
    return Attempt(job, kind, urgency, kind.forwards, weight, now)


@dataclass(frozen=True, slots=True)
class Left:
    """A job that has left the device: when, and whether its video is made or its deadline had passed."""

    attempt: Attempt
    at: float
    made: bool


class Replica:
    """Owns a device. `encode_s` and `decode_s` of it, by shape, come before and after a job's steps."""

    def __init__(
        self, name: str, pool: str, rules: Rules, profile: Profile, decode_s: dict[Shape, float], born: float
    ) -> None:
        self.name, self.pool, self.born = name, pool, born
        self.jobs: dict[str, Attempt] = {}
        self.leases = 0  # jobs that are here or being finished: what a router counts
        self.busy_s = 0.0
        self.leaving = False
        self.version = 0  # of what is scheduled: an older event is passed over
        self._rules, self._profile, self._decode_s = rules, profile, decode_s
        self._boundaries = 0
        self._batch: list[Attempt] = []
        self._began = self._each_s = 0.0
        self._repeat = 0
        self._shapes: FairShare[Shape] = FairShare()
        self._tenants = TenantShare(rules.borrow)

    @property
    def stepping(self) -> bool:
        return bool(self._batch)

    def take(self, one: Attempt, now: float) -> float | None:
        """A job comes. When the next boundary is; None where it has not changed."""
        self.jobs[one.job.id] = one
        if not self._batch:
            return now
        done = max(1, math.ceil((now - self._began) / self._each_s - 1e-9))
        if done >= self._repeat:
            return None
        self._repeat = done
        return self._began + done * self._each_s

    def boundary(self, now: float) -> tuple[list[Left], float | None]:
        """The step boundary at `now`: who leaves, and when the next one is, None while there is nothing to do."""
        self._account(now)
        self._boundaries += 1
        at, gone = now, []
        leaving, pausing, coming, batch = self._decided(now)
        for one in leaving:
            made = one.left == 0
            took = self._decode_s.get(one.shape, 0.0) if made else 0.0
            self.busy_s, at = self.busy_s + took, at + took
            gone.append(Left(one, at, made))
            del self.jobs[one.job.id]
        for one in pausing:
            one.place = PAUSED
        for one in coming:
            self._enter(one)
        self._begin(batch, at)
        return gone, self._began + self._repeat * self._each_s if batch else None

    def note_steps(self, now: float) -> None:
        """The jobs here say how far they are, as a replica writes it down."""
        batch = self._batch
        begun = int((now - self._began) / self._each_s) if batch and now > self._began else 0
        for one in self.jobs.values():
            left, kind = one.left, one.kind
            if begun and one in batch:
                left = max(0, left - begun)
            steps = kind.plan.sampling.steps
            # Nobody else has this job but the simulation.
            object.__setattr__(one.job, "step", steps - round(steps * left / (kind.forwards or 1)))

    def _account(self, now: float) -> None:
        """The forwards since the last boundary have been run."""
        if not self._batch:
            return
        took, share = self._repeat * self._each_s, self._repeat * self._each_s / len(self._batch)
        self.busy_s += took
        for one in self._batch:
            one.left -= self._repeat
            one.stepped = self._boundaries
            one.since = aged(one.since, one.urgency.priority, now, took, self._rules)
            self._shapes.charge(one.shape, share)
        tenants = [one.urgency.tenant for one in self._batch]
        self._tenants.charge((tenant, share / self._rules.weight(tenant)) for tenant in tenants)
        self._batch = []

    def _decided(self, now: float) -> tuple[list[Attempt], list[Attempt], list[Attempt], list[Attempt]]:
        """Who leaves, pauses, comes and is stepped, without asking the batcher where there is one answer."""
        here = list(self.jobs.values())
        over = [one for one in here if one.left == 0]
        rest = [one for one in here if one.left]
        if len(rest) <= self._rules.slots and self._agree(rest):
            return over, [], [one for one in rest if one.place != RUNNING], rest
        boundary = self._ask(now, here)
        named = self.jobs
        return (
            [named[name] for name in boundary.leave],
            [named[name] for name in boundary.pause],
            [named[name] for name in (*boundary.resume, *boundary.join)],
            [named[name] for name in boundary.batch],
        )

    def _agree(self, rest: Sequence[Attempt]) -> bool:
        """Whether all of them step together for as long as none leaves, however urgent each is."""
        if any(one.urgency.deadline is not None for one in rest):
            return False
        if len(rest) <= 1:
            return True
        first = rest[0]
        if any(one.shape != first.shape or one.kind.plan.sampling.alone for one in rest):
            return False
        if len({one.urgency.priority for one in rest}) > 1:
            return False
        sizes = useful_sizes(self._profile, first.shape, self._rules.max_batch, self._rules.gain)
        tenants = Counter(one.urgency.tenant for one in rest)
        return fitting_size(sizes, len(rest)) == len(rest) and (len(tenants) == 1 or self._fair(first.shape, tenants))

    def _fair(self, shape: Shape, tenants: Counter[str]) -> bool:
        """Whether jobs of several tenants may share a forward whoever of them begins."""
        weight, step_s = self._rules.weight, self._profile.step_s
        together_s, whole = step_s(shape, tenants.total()), sum(map(weight, tenants))
        starts = self._tenants.starts(tenants)
        if any(borrows(starts, starts[tenant]) for tenant in tenants):  # as `app.line.batcher` limits company
            return together_s <= self._rules.company_stretch * step_s(shape)
        return all(together_s <= whole / weight(tenant) * step_s(shape) for tenant in tenants)

    def _ask(self, now: float, here: Sequence[Attempt]) -> Boundary:
        running, waiting, paused = [], [], []
        for one in here:
            kind = one.kind
            facts = (
                *(one.job.id, one.shape, one.urgency, kind.evaluations, one.left * one.weight, one.since),
                *(0, one.left == 0, False, kind.plan.sampling.alone),
            )
            if one.place == RUNNING:
                used = self._shapes.used_s(one.shape), self._tenants.used_s(one.urgency.tenant)
                running.append(Running(*facts, None, one.stepped, *used))
            elif one.place == WAITING:
                waiting.append(Waiting(*facts))
            else:
                paused.append(Paused(*facts))
        return decide(now, running, waiting, paused, self._rules, self._profile, self._tenants.starts)

    def _enter(self, one: Attempt) -> None:
        others = [other for other in self.jobs.values() if other.place == RUNNING]
        self._shapes.enter(one.shape, {other.shape for other in others})
        self._tenants.enter(one.urgency.tenant, {other.urgency.tenant for other in others})
        if one.place == WAITING:
            one.stepped = self._boundaries - 1
        one.place = RUNNING

    def _begin(self, batch: list[Attempt], at: float) -> None:
        self._batch, self._began = batch, at
        if not batch:
            return
        weight = sum(one.weight for one in batch) / len(batch)
        self._each_s = self._profile.step_s(batch[0].shape, len(batch)) * weight
        alone = len(batch) == len(self.jobs) and self._agree(batch)
        self._repeat = min(one.left for one in batch) if alone else 1
