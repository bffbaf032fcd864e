"""Kinoray on several Ray nodes of this one machine: real raylets and replicas, GPUs that exist only in Ray's books."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from app.settings import Settings
from cluster.local import CONFIG, OBJECT_STORE_BYTES, LocalService
from tests.ports import free_port

SLEEPER = {"num_cpus": 0.1, "num_gpus": 1}  # of a Diffuser that sleeps: a GPU of the books, and hardly a processor


def config(folder: Path, args: Mapping[str, Any], diffuser: Mapping[str, Any], name: str = "nodes.yaml") -> Path:
    """A file made of `serve_config.yaml`, with these settings and this row for the Diffuser."""
    rows = yaml.safe_load(CONFIG.read_text())
    (application,) = rows["applications"]
    application["args"] = dict(args)
    for row in application["deployments"]:
        if row["name"] == "Diffuser":
            row.update(diffuser)
    path = folder / name
    path.write_text(yaml.safe_dump(rows))
    return path


class Nodes(LocalService):
    """A head without GPUs, and nodes with one each. `deploy` again with another file is a rolling update."""

    def __init__(self, settings: Settings, path: Path, nodes: int, console: Console | None = None) -> None:
        super().__init__(settings, path, console)
        self._count = nodes
        self._cluster: Any = None
        self._nodes: list[Any] = []

    def _start_ray(self) -> None:
        import ray
        from ray.cluster_utils import Cluster

        head = {
            "num_cpus": 8,
            "num_gpus": 0,
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": True,
            "dashboard_port": free_port(),  # another Ray of this machine may have the usual one
        }
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(self._count):
            self.add_node()
        context = ray.init(self._cluster.address, log_to_driver=False, logging_level="warning", namespace="kinoray")
        self.dashboard_url = f"http://{context.dashboard_url}"

    def deploy(self, path: Path) -> None:
        """Hand Serve another file; it changes what differs, while jobs go on."""
        self._config = path
        self._deploy()

    def add_node(self) -> None:
        """One more, as when a machine that was asked for has come."""
        self._nodes.append(self._cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=100 * 2**20))

    def lose_node(self) -> None:
        """Kill the last node that was added, with all that runs on it."""
        self._cluster.remove_node(self._nodes.pop(), allow_graceful=False)

    def stop(self, ray_gone: Callable[[], None] = lambda: None) -> None:
        """As a local service, and the nodes."""
        import ray

        if ray.is_initialized():
            ray.shutdown()
        if self._cluster is not None:
            self._cluster.shutdown()
        super().stop(ray_gone)
