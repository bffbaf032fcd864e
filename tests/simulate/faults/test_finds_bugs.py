"""The search finds bugs: each that is put in shows within 500 seeds, and is told with few faults and its replay."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.simulate.faults.run import UNFORESEEN, run
from app.simulate.faults.scenario import draw
from app.simulate.faults.search import explained
from tests.simulate.faults import bugs

# A process that is killed, or a run that is broken off, leaves calls that had not begun.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MOST_SEEDS = 500
SHOWN_BY = {
    "no_fence_check_on_a_checkpoint": "landed",
    "an_event_before_its_record": "before it was on record",
    "a_leaders_death_that_settles_nobody": "never resolved",
    "dependants_that_are_never_told": "still waits",
    "attempts_that_pile_on_the_first_replica": "pile up",
    "a_digest_that_leaves_out_the_seed_and_the_prompt": "not its plan's",
    "a_digest_that_leaves_out_the_picture": "plan's",
    "a_pool_that_nobody_wakes": "still waits",
    "a_completion_before_its_files": "is not stored",
    "a_tenants_limit_that_nobody_minds": "leases, and may hold",
    "an_end_that_is_told_by_both_of_two": "was told twice",
}
"""What some show themselves by, so that it is they that are found."""
BEGIN = {"a_doubled_webhook_id": 20, "attempts_that_pile_on_the_first_replica": 20}
"""Where the rare ones are looked for first: a little before the seed that showed them when this was written."""


def first_found(bug: Callable[[pytest.MonkeyPatch], None]) -> tuple[int, str]:
    """A seed below MOST_SEEDS that shows it, and how: all of them in turn, from `BEGIN` on. Raises AssertionError."""
    first = BEGIN.get(bug.__name__, 0)
    with pytest.MonkeyPatch.context() as patch:
        bug(patch)
        for seed in (*range(first, MOST_SEEDS), *range(first)):
            violation = run(draw(seed)).violation
            if violation is not None:
                assert UNFORESEEN not in violation, "it is the patch that fails"
                return seed, violation
    raise AssertionError(f"{bug.__name__} was not found in {MOST_SEEDS} seeds")


@pytest.mark.parametrize("bug", [getattr(bugs, name) for name in SHOWN_BY], ids=SHOWN_BY)
def test_a_bug_that_is_put_in_is_found(bug: Callable[[pytest.MonkeyPatch], None]) -> None:
    assert SHOWN_BY[bug.__name__] in first_found(bug)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "bug", [bug for bug in bugs.BUGS if bug.__name__ not in SHOWN_BY], ids=lambda bug: bug.__name__
)
def test_a_rare_bug_that_is_put_in_is_found(bug: Callable[[pytest.MonkeyPatch], None]) -> None:
    assert first_found(bug)[0] < MOST_SEEDS


def test_what_is_found_is_told_with_few_faults_and_how_to_replay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bugs.a_lease_that_nobody_takes_back(monkeypatch)
    seed = next(seed for seed in range(MOST_SEEDS) if run(draw(seed)).violation)
    found = explained(seed)
    assert "still waits" in found.violation
    assert len(found.scenario.faults) < len(draw(seed).faults)
    assert found.text().endswith(f"replay: kinoray simulate faults --seed {seed}")
    assert len(found.lines) <= 40
