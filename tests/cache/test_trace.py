"""The memory tier on a small trace of the benchmark's kind."""

from __future__ import annotations

import pytest

from app.cache.keys import plan_digest
from app.cache.policy import Benefit, LeastRecent
from benchmarks.cache_trace import run, trace

PLANS = trace(400, seed=2)


def test_the_trace_has_12_percent_exact_repeats() -> None:
    assert len({plan_digest(plan, "t") for plan in PLANS}) == 352


def test_with_the_default_memory_every_possible_repeat_hits() -> None:
    tally = run(PLANS, 256 * 2**20, Benefit())
    assert (tally.hits, tally.evictions) == (tally.possible, 0)
    assert tally.text_hits > 0


@pytest.mark.parametrize("texts", [True, False])
def test_by_benefit_small_memories_save_at_least_what_the_least_recent_rule_saves(texts: bool) -> None:
    """Of several traces together: in one so short, one lucky hit may decide."""
    by_benefit = by_time = 0.0
    for seed in range(5):
        plans = trace(300, seed)
        size = run(plans, 2**40, Benefit(), texts).size_bytes // 20
        by_benefit += run(plans, size, Benefit(), texts).saved
        by_time += run(plans, size, LeastRecent(), texts).saved
    assert by_benefit >= by_time > 0
