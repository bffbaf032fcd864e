"""A scenario in which something does not hold comes in; the same with the fewest faults that still show it goes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.simulate.faults.scenario import Fault, Scenario

MOST_RUNS = 120


def fewest(scenario: Scenario, breaks: Callable[[Scenario], bool], most_runs: int = MOST_RUNS) -> Scenario:
    """Leave out halves, then single faults, as long as it still breaks (delta debugging; Zeller, Hildebrandt 2002)."""
    runs = 0

    def still(faults: Sequence[Fault]) -> bool:
        nonlocal runs
        runs += 1
        return runs <= most_runs and breaks(scenario.without(faults))

    kept = list(scenario.faults)
    if still([]):
        return scenario.without([])
    size = max(1, len(kept) // 2)
    while size:
        place = 0
        while place < len(kept):
            fewer = kept[:place] + kept[place + size :]
            if len(fewer) < len(kept) and still(fewer):
                kept = fewer
            else:
                place += size
        size //= 2
    return scenario.without(kept)
