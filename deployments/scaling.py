"""Serve's application-level policy, named in the config file: what the Dispatcher decided becomes replica counts.

The decision itself is `app.line.scaling`, taken where the backlog is known. It comes here as the Dispatcher's
`record_autoscaling_stats`, one figure for each pool that scales; Serve bounds it and carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.serve.autoscaling_policy import replica_queue_length_autoscaling_policy
from ray.serve.config import AutoscalingContext

FIGURE = "replicas:"  # and the name of the deployment


def dispatchers(count: int) -> dict[str, Any]:
    """The autoscaling config of Dispatchers, which do not scale: Serve asks only those that have one for figures."""
    return {"min_replicas": count, "max_replicas": count, "metrics_interval_s": 1.0, "look_back_period_s": 5.0}


def bounds(least: int, most: int) -> dict[str, Any]:
    """The autoscaling config of a pool. All waiting before a change is the policy's, so Serve adds none of its own."""
    return {
        "min_replicas": least,
        "max_replicas": most,
        "upscale_delay_s": 0.0,
        "downscale_delay_s": 0.0,
        "downscale_to_zero_delay_s": 0.0,
    }


def figures(wanted: Mapping[str, int]) -> dict[str, float]:
    """What the Dispatcher records, from the replicas wanted by deployment."""
    return {f"{FIGURE}{deployment}": float(count) for deployment, count in wanted.items()}


def policy(contexts: dict[Any, AutoscalingContext]) -> tuple[dict[Any, float], dict[Any, dict[str, Any]]]:
    """Replicas by deployment. One that nobody decided for lately keeps what it has; others go by their requests."""
    wanted = _newest(contexts)
    decisions: dict[Any, float] = {}
    for deployment, context in contexts.items():
        name = context.deployment_name
        if name in wanted:
            decisions[deployment] = wanted[name]
        elif not name.startswith(("Diffuser", "Dispatcher")):
            decisions[deployment], _ = replica_queue_length_autoscaling_policy(context)
    return decisions, {}


def _newest(contexts: Mapping[Any, AutoscalingContext]) -> dict[str, float]:
    """The latest value of each figure: while a Dispatcher is replaced, or a pool goes to another, two may speak."""
    found: dict[str, tuple[float, float]] = {}
    for context in contexts.values():
        for figure, series_of in (context.raw_metrics or {}).items():
            if not figure.startswith(FIGURE):
                continue
            for series in series_of.values():
                for point in series[-1:]:
                    name = figure[len(FIGURE) :]
                    found[name] = max(found.get(name, (0.0, 0.0)), (point.timestamp, point.value))
    return {name: value for name, (_, value) in found.items()}
