"""How many replicas Serve is asked for: what the newest Dispatcher says, or as many as requests ask for."""

from __future__ import annotations

from typing import Any

from ray.serve.config import AutoscalingConfig, AutoscalingContext

from deployments import scaling


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
