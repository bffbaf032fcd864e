"""Replicas follow the work, and jobs move without losing a step: on three nodes, whose GPUs are in Ray's books only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ray.serve.config import AutoscalingConfig, AutoscalingContext

from benchmarks.moves import STEPS
from deployments import scaling

ROOT = Path(__file__).parent.parent.parent


class Point:
    """A value as Serve keeps it."""

    def __init__(self, timestamp: float, value: float) -> None:
        self.timestamp, self.value = timestamp, value


def context(name: str, requests: float = 0.0, **raw: Any) -> AutoscalingContext:
    return AutoscalingContext(
        deployment_id=name,
        deployment_name=name,
        app_name="kinoray",
        current_num_replicas=1,
        target_num_replicas=1,
        running_replicas=[],
        total_num_requests=requests,
        total_queued_requests=0.0,
        aggregated_metrics={},
        raw_metrics=raw.get("raw", {}),
        capacity_adjusted_min_replicas=0,
        capacity_adjusted_max_replicas=9,
        policy_state={},
        last_scale_up_time=None,
        last_scale_down_time=None,
        current_time=0.0,
        config=AutoscalingConfig(target_ongoing_requests=2, max_replicas=9),
    )


def test_pools_get_what_the_newest_dispatcher_says_and_others_go_by_their_requests() -> None:
    raw = {"replicas:Diffuser": {"old": [Point(5.0, 1.0)], "new": [Point(6.0, 2.0), Point(7.0, 3.0)]}}
    contexts = {one.deployment_name: one for one in (context("Dispatcher", raw=raw), context("Diffuser"))}
    contexts["Router"] = context("Router", requests=8.0)
    assert scaling.policy(contexts)[0] == {"Diffuser": 3.0, "Router": 4.0}


def test_without_news_a_pool_keeps_what_it_has() -> None:
    assert (
        scaling.policy({"Dispatcher": context("Dispatcher"), "Diffuser": context("Diffuser", requests=50.0)})[0] == {}
    )


@pytest.fixture(scope="module")
def moves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened on three nodes; in a process of its own, since the session's service has this one's Ray."""
    folder = tmp_path_factory.mktemp("nodes")
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.moves", str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.cluster
def test_a_job_wakes_a_pool_that_sleeps_and_is_told_how_long_that_takes(moves: dict[str, Any]) -> None:
    assert (moves["asleep"], moves["woken"]) == ([], "completed")
    assert moves["eta_at_zero_s"] > 10


@pytest.mark.cluster
def test_jobs_of_a_replaced_replica_go_on_elsewhere_from_the_boundary_at_which_they_left(moves: dict[str, Any]) -> None:
    for job in moves["update"]["jobs"]:
        assert (job["status"], job["handed_back"]) == ("completed", 1)
        assert STEPS > job["resumed"] >= job["told_before"] > 0


@pytest.mark.cluster
def test_an_idle_pool_goes_to_sleep_and_says_why(moves: dict[str, Any]) -> None:
    assert (moves["at_zero"]["replicas"], moves["at_zero"]["wanted"]) == (0, 0)
    assert moves["at_zero"]["because"] == "idle"
