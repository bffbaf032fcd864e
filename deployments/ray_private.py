"""All that is used of Ray under underscore names, so that an upgrade has one file to look at."""

from __future__ import annotations

from collections.abc import Mapping

from ray.serve.request_router import RequestRouter, RunningReplica


def metrics_port(port: int | None) -> Mapping[str, int | None]:
    """What `ray.init` is told so that the machine's metrics are found at that port (None: any)."""
    return {"_metrics_export_port": port}


async def ask_loads(router: RequestRouter, replicas: list[RunningReplica]) -> None:
    """Have the router ask replicas how many calls each has; the answers are in its cache of queue lengths then."""
    await router._probe_queue_lens(replicas, 0)
