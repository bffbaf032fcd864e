"""The Cluster port over Ray and Serve: their words on nodes and on replicas without a place, as records."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from app.dispatch.cluster_watch import ClusterView
from deployments.ray_private import deployment_messages

log = logging.getLogger("ray.serve")
NO_PLACE = ("to be scheduled", "Failed to create a placement group")  # in what Serve says of a deployment
TOLD_TO_GO = (
    1,
    3,
    4,
)  # `DeathReason`: terminated as expected, drained before preemption or as idle
MOST_CHARS = 400


class RayCluster:
    """`deployments` names each pool's deployment, in the application that this replica belongs to."""

    def __init__(self, deployments: Mapping[str, str]) -> None:
        self._deployments = deployments

    async def look(self) -> ClusterView | None:
        try:
            application = serve.get_replica_context().app_name
            nodes, messages = await asyncio.to_thread(lambda: (ray.nodes(), deployment_messages(application)))
        except (RayError, RayServeException, OSError) as error:
            log.info("The cluster tells nothing: %s", type(error).__name__)
            return None
        return ClusterView(
            alive=sum(bool(node.get("Alive")) for node in nodes),
            lost=lost_of(nodes),
            unplaced=unplaced_of(self._deployments, messages),
        )


def lost_of(nodes: Iterable[Mapping[str, Any]]) -> int:
    """The nodes that are gone, of which nobody had said that they should go."""
    return sum(not node.get("Alive") and node.get("DeathReason") not in TOLD_TO_GO for node in nodes)


def unplaced_of(deployments: Mapping[str, str], messages: Mapping[str, str]) -> dict[str, str]:
    """Why, by pool of whose deployment Serve says that a replica finds no place."""
    told = {pool: messages.get(deployment, "") for pool, deployment in deployments.items()}
    return {pool: _short(text) for pool, text in told.items() if any(words in text for words in NO_PLACE)}


def _short(message: str) -> str:
    """The part that says what is asked for and what there is."""
    _, found, rest = message.partition("Resources required")
    text = f"Resources required{rest}" if found else message
    return " ".join(text.replace("Use `ray status` for more details.", "").split())[:MOST_CHARS]
