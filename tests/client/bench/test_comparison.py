"""What runs come to, and how much better one is than another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.client.bench.comparison import figures_of, improvement, percentile, stages_of
from app.client.bench.run_config import RunConfig
from app.client.bench.runner import Ran, Run
from app.client.report import VideoReport
from tests.client.service import REPORT

CONFIG = RunConfig(prompts=("a red ball",))
TOLD = VideoReport.parse({"id": "v", **REPORT})


def run(*latencies: float, wall_s: float = 10.0, cost: float = 0.0, failed: int = 0) -> Run:
    jobs = [Ran(each, None, cost, 2.0, False, TOLD) for each in latencies]
    return Run(CONFIG, (*jobs, *(Ran(0.1, "overloaded") for _ in range(failed))), wall_s)


def test_percentiles_lie_between_neighbours() -> None:
    found = [percentile([4.0, 1.0, 3.0, 2.0], share) for share in (0.0, 0.5, 0.95, 1.0)]
    assert found == pytest.approx([1.0, 2.5, 3.85, 4.0])
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_is_within_what_was_measured(values: list[float], share: float) -> None:
    assert min(values) <= percentile(values, share) * (1 + 1e-12)
    assert percentile(values, share) <= max(values) * (1 + 1e-12)


def test_failed_jobs_are_counted_and_not_timed() -> None:
    found = figures_of(run(1.0, 3.0, failed=2))
    assert (found.jobs, found.failed, found.failures) == (4, 2, {"overloaded": 2})
    assert (found.latency_p50_s, found.throughput_per_min, found.bottleneck) == (2.0, 12.0, "steps")


def test_a_run_of_which_nothing_came_has_no_latency() -> None:
    found = figures_of(run(failed=3))
    assert (found.latency_p95_s, found.cost_per_video, found.throughput_per_min) == (None, None, 0.0)


def test_better_is_less_time_and_more_videos() -> None:
    before, after = figures_of(run(2.0, 2.0, cost=0.4)), figures_of(run(1.5, 1.5, wall_s=8.0, cost=0.5))
    assert improvement(before, after, "latency_p50_s") == pytest.approx(25.0)
    assert improvement(before, after, "throughput_per_min") == pytest.approx(25.0)
    assert improvement(before, after, "cost_per_video") == pytest.approx(-25.0)
    assert improvement(before, after, "hit_rate") is None  # of nothing nothing can be said


def test_stages_come_by_the_time_they_took_with_waits_within_them() -> None:
    rows = stages_of(run(10.0, 10.0).jobs)
    assert [(row.name, row.p50_s, round(row.share, 2)) for row in rows][:2] == [("steps", 6.0, 0.6), ("line", 3.0, 0.3)]
    assert stages_of(run(failed=1).jobs) == []
