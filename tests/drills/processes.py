"""Finding the processes of a running service by what they are, for those who kill them."""

from __future__ import annotations

import psutil
from ray.util.state import list_actors

from cluster.local import LocalService

REPLICAS = ("Diffuser", "Dispatcher", "Finisher", "Cache", "Router", "PromptAnalyzer")
REDIS, CONTROLLER, PROXY = "Redis", "ServeController", "ProxyActor"
KINDS = (*REPLICAS, REDIS, CONTROLLER, PROXY)


def pids_of(service: LocalService, kind: str) -> list[int]:
    """The living processes of a kind; none while they are being started again."""
    if kind == REDIS:
        found = psutil.Process().children(recursive=True)
        return [child.pid for child in found if child.name().startswith("redis-server")]
    name = f"ServeReplica:kinoray:{kind}" if kind in REPLICAS else kind
    try:
        actors = list_actors(service.dashboard_url, filters=[("state", "=", "ALIVE")], limit=1000)
    except Exception as error:  # noqa: BLE001  # Ray's own, of many kinds, while what was killed comes back
        print(f"no list of processes: {type(error).__name__}")  # noqa: T201
        return []
    return [int(actor.pid) for actor in actors if actor.class_name == name and actor.pid]


def only_pid(service: LocalService, kind: str) -> int:
    """The process of the only one of a kind."""
    [pid] = pids_of(service, kind)
    return pid
