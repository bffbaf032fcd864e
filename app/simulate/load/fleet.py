"""What serves the load: pools with their replicas, and the policy of line, batcher, admission and scaling, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.line.rules import Rules, rules_of
from app.line.scaling import ScaleRules, scale_rules_of
from app.settings import Settings
from app.simulate.load.problem import CannotSimulate
from app.simulate.load.step_times import StepTimes


@dataclass(frozen=True, slots=True)
class Hops:
    """Seconds that the service itself takes; measured by `python -m benchmarks simulated`."""

    pass_s: float = 0.01  # of the dispatcher, from its look to its leases
    publish_s: float = 0.5  # between two backlogs that admission and scaling read


@dataclass(frozen=True, slots=True)
class Fleet:
    """`pools`: least and most replicas of each; where they are equal the pool does not scale."""

    pools: Mapping[str, tuple[int, int]]
    settings: Settings
    times: StepTimes
    start_s: float  # until a replica that is asked for takes jobs
    hops: Hops = Hops()

    @property
    def rules(self) -> Rules:
        return rules_of(self.settings)

    @property
    def scaling(self) -> dict[str, ScaleRules]:
        """Of the pools that scale."""
        scaled = {name: bounds for name, bounds in self.pools.items() if bounds[0] != bounds[1]}
        return scale_rules_of(self.settings.model_copy(update={"replicas": scaled}))

    def with_replicas(self, pool: str, count: int) -> Fleet:
        """The same with so many replicas in that pool, all the time."""
        return Fleet({**self.pools, pool: (count, count)}, self.settings, self.times, self.start_s, self.hops)


def check_pools(fleet: Fleet, wanted: set[str]) -> None:
    """Raises CannotSimulate where a request would go to a pool that nobody has."""
    if missing := sorted(wanted - set(fleet.pools)):
        raise CannotSimulate(
            f"The requests go to the pool {missing[0]!r}, for which there is no --replicas; "
            f"given are {', '.join(fleet.pools)}."
        )
