"""Dispatcher: `app.dispatch` under Serve, with the Diffuser pools' handles as its workers."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from ray.serve.handle import DeploymentHandle

from app.artifacts.store import ArtifactStore
from app.dispatch.dispatcher import Dispatcher as DispatcherStory
from app.dispatch.ports import AttemptLost
from app.errors import PartAway, StoreUnavailable
from app.settings import Settings
from app.stores import open_stores
from app.webhooks.delivery import WebhookDeliveries
from app.webhooks.send import Sender
from deployments.cluster import RayCluster
from deployments.observed import observe
from deployments.scaling import figures

log = logging.getLogger(__name__)
ANSWER_S = 5.0  # a roll call that takes longer says nothing


class DiffuserPools:
    """The Workers and RollCall ports over the Diffuser deployments, by pool."""

    def __init__(self, handles: Mapping[str, DeploymentHandle[Any]]) -> None:
        self._handles = handles

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        """The call returns once, when the attempt has ended or was handed back. Raises AttemptLost."""
        try:
            await self._handles[pool].run.remote(job_id, fence)
        except (RayError, RayServeException, KeyError) as error:
            died = isinstance(error, RayActorError)
            raise AttemptLost(type(error).__name__, not _never_ran(error), died) from error

    async def present(self, pool: str) -> Collection[str] | None:
        """Whom Serve still routes to, as their answers to a broadcast tell; None where that is not certain."""
        try:
            answer = self._handles[pool].broadcast("present").results_async(timeout_s=ANSWER_S)
            names: list[str] = await asyncio.wait_for(answer, 2 * ANSWER_S)
        except DeploymentUnavailableError:  # it has no replica that could be given anything
            return []
        except (RayError, RayServeException, asyncio.TimeoutError, TimeoutError) as error:
            log.info("The roll call of %s tells nothing: %s", pool, type(error).__name__)
            return None
        return names


class Dispatcher:
    """The only one, or one of as many as the setting `dispatchers` says, who share the pools; it may die any moment."""

    def __init__(self, settings: Settings, diffusers: Mapping[str, DeploymentHandle[Any]]) -> None:
        observe(settings)
        stores = open_stores(settings)
        sender = Sender(settings.webhook_allow_private, settings.webhook_timeout_s)
        pools = DiffuserPools(diffusers)
        self._diffusers = diffusers
        names = {pool: handle.deployment_name for pool, handle in diffusers.items()}
        deliveries = WebhookDeliveries(stores, settings, sender, stores.clock)
        self._story = DispatcherStory(
            *(settings, stores, pools, pools, deliveries, tuple(diffusers)),
            cluster=RayCluster(names),
            name=f"dispatcher-{uuid.uuid4().hex[:12]}" if settings.dispatchers > 1 else "",
        )
        _warn_of_local_files(stores.artifacts)
        self._story.start()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """For Serve's policy (`deployments.scaling`): replicas wanted, by deployment."""
        wanted = self._story.wanted.items()
        return figures({self._diffusers[pool].deployment_name: count for pool, count in wanted})

    async def check_health(self) -> None:
        """Raises when a loop has died or no pass ends any more: Serve then starts another dispatcher."""
        self._story.check()

    async def ping(self) -> str:
        return "ok"


def _never_ran(error: Exception) -> bool:
    """Whether the replica is not to blame: it never had the attempt, or gave it up as the store or a part was away."""
    if isinstance(error, (BackPressureError, DeploymentUnavailableError)):
        return True
    return isinstance(error, RayTaskError) and isinstance(error.cause, (StoreUnavailable, PartAway))


def _warn_of_local_files(artifacts: ArtifactStore) -> None:
    nodes = [node for node in ray.nodes() if node.get("Alive")] if ray.is_initialized() else []
    if artifacts.local and len(nodes) > 1:
        log.warning(
            "Videos are written to the disk of the node that finishes them, and there are %s nodes: others answer "
            "410 artifact_lost for them. Set KINORAY_ARTIFACTS_URL to a store that all nodes reach.",
            len(nodes),
        )
