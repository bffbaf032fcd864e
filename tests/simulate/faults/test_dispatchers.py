"""Two dispatchers that share the pools, in the simulator: whatever dies, freezes or is lost, what must hold does."""

from __future__ import annotations

import pytest

from app.dispatch.holding import Shared
from app.jobs.shards import HOUSE, ShardLease
from app.simulate.faults.run import run
from app.simulate.faults.scenario import draw

# A process that is killed, or a run that is broken off, leaves calls that had not begun.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("seed", range(6))
def test_with_two_dispatchers_all_holds_as_with_one(seed: int) -> None:
    scenario = draw(seed, dispatchers=2)
    assert {"dispatcher", "dispatcher1"} < set(scenario.processes)
    assert run(scenario).violation is None


@pytest.mark.parametrize("seed", range(6))
def test_house_work_that_both_do_all_the_time_does_no_harm(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the moment in which the house changes hands: flights, followers, webhooks and sweeps, each done by two."""
    fenced = Shared.under

    def under(self: Shared, shard: str) -> ShardLease | None:
        return None if shard == HOUSE else fenced(self, shard)

    monkeypatch.setattr(Shared, "house", property(lambda self: True))
    monkeypatch.setattr(Shared, "under", under)
    assert run(draw(seed, dispatchers=2)).violation is None
