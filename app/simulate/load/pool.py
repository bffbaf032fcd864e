"""A pool on virtual time: its replicas come when the scaling policy asks for them, and go when they are idle."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from app.line.dispatch import Pool
from app.line.profile import Shape
from app.line.scaling import Load, Scale, ScaleRules, scale
from app.simulate.load.fleet import Fleet
from app.simulate.load.replica import Replica
from app.simulate.load.request_kind import RequestKind
from app.simulate.load.router import LeastBusy


class SimulatedPool:
    """`scales`: its policy, None for a pool of one size. `held` counts leases."""

    def __init__(self, name: str, fleet: Fleet, kinds: Iterable[RequestKind], dice: Random) -> None:
        self.name = name
        self.scales: ScaleRules | None = fleet.scaling.get(name)
        self.router = LeastBusy(dice)
        self.held = 0
        self.alive_s = 0.0  # of replicas that are gone
        self.busy_s = 0.0
        self.here: dict[str, Replica] = {}
        self.asked: list[float] = []  # when those that are on their way will be there
        self.decided: Scale | None = None
        self.timeline: list[tuple[float, int]] = []
        shapes: set[Shape] = {kind.shape for kind in kinds if kind.plan.pool == name}
        self._rules, self._start_s = fleet.rules, fleet.start_s
        self._profile = fleet.times.profile(shapes, self._rules.max_batch)
        self._decode_s: dict[Shape, float] = {shape: fleet.times.beside_s(shape)[1] for shape in shapes}
        self._count = 0
        for _ in range(fleet.pools[name][0]):
            self.add(0.0)

    def add(self, now: float) -> None:
        """A replica has started."""
        self._count += 1
        replica = Replica(f"{self.name}-{self._count}", self.name, self._rules, self._profile, self._decode_s, now)
        self.here[replica.name] = replica
        self.router.add(replica)
        self._note(now)

    def capacity(self, now: float) -> Pool:
        """As the line sees it."""
        count = len(self.router)
        start_s = 0.0 if count or not self.scales else max(0.1, min(self.asked, default=now + self._start_s) - now)
        return Pool(count * self._rules.slots, self.held, count, count * self._rules.max_paused, start_s)

    def rescale(self, jobs: int, step_seconds: float, now: float) -> list[float]:
        """Decide anew; when replicas that are asked for now will be there. Idle ones go at once, others once idle."""
        if self.scales is None:
            return []
        busy = sum(replica.leases > 0 for replica in self.here.values())
        load = Load(jobs, step_seconds, len(self.router), busy)
        self.decided = scale(load, self.decided, now, self.scales)
        more = self.decided.wanted - len(self.router) - len(self.asked)
        if more > 0:
            self.asked += [now + self._start_s] * more
            return [now + self._start_s] * more
        for _ in range(min(-more, len(self.asked))):  # the last to be asked for need not come
            self.asked.pop()
            more += 1
        for replica in self.router.idle()[: max(0, -more)]:
            self.remove(replica, now)
        return []

    def started(self, now: float) -> bool:
        """Whether a replica that was to be there now has not been called off."""
        if not self.asked or self.asked[0] > now + 1e-9:
            return False
        self.asked.pop(0)
        self.add(now)
        return True

    def remove(self, replica: Replica, now: float) -> None:
        """It is gone."""
        self.router.remove(replica)
        del self.here[replica.name]
        self.alive_s += now - replica.born
        self.busy_s += replica.busy_s
        self._note(now)

    def close(self, now: float) -> None:
        """The simulation ends: count those that are there."""
        for replica in list(self.here.values()):
            self.remove(replica, now)

    def _note(self, now: float) -> None:
        count = len(self.here)
        if self.timeline and self.timeline[-1][0] == now:
            self.timeline[-1] = (now, count)
        else:
            self.timeline.append((now, count))
