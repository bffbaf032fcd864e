"""All that is used of Ray under underscore names, so that an upgrade has one file to look at."""

from __future__ import annotations

from collections.abc import Mapping

from ray.serve.context import _get_global_client
from ray.serve.request_router import RequestRouter, RunningReplica


def metrics_port(port: int | None) -> Mapping[str, int | None]:
    """What `ray.init` is told so that the machine's metrics are found at that port (None: any)."""
    return {"_metrics_export_port": port}


async def ask_loads(router: RequestRouter, replicas: list[RunningReplica]) -> None:
    """Have the router ask replicas how many calls each has; the answers are in its cache of queue lengths then.

    It waits four times as long as Serve at first does, 0.4 s: who is passed over for a slow answer has nothing to do
    for as long as a job takes.
    """
    await router._probe_queue_lens(replicas, 2)


def deployment_messages(application: str) -> Mapping[str, str]:
    """What Serve says of each deployment of an application; nothing where it knows none of that name.

    `serve.status` tells it, too, but has the controller write down every setting of all applications, and this process
    check them, pickled classes and all: a tenth of a second of both. Raises RayServeException where Serve does not run.
    """
    client = _get_global_client()
    if client is None:
        return {}
    told = client.get_serve_status(application).deployment_statuses
    return {each.name: each.message for each in told}
