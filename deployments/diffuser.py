"""Diffuser: a replica of a pool under Serve, which owns a device; `app.worker.replica` tells what it does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from app.dispatch.routing import drain_signal
from app.line.pressure import limits_of
from app.line.rules import rules_of
from app.service.pools import DIFFUSER
from app.service.similar_start import ReplicaCaches
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.stores import open_stores
from app.types import ModelProfile
from app.worker.starting import Start
from deployments.cache_handles import CacheHandle, SimilarHandle
from deployments.handles import EncoderHandle, FinisherHandle, SentencesHandle
from deployments.observed import observe

if TYPE_CHECKING:
    from app.worker.replica import Replica


class Diffuser:
    """Serve's calls, passed on to a replica."""

    _replica: Replica | None = None  # until it has started: Serve also takes leave of one that could not

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self,
        settings: Settings,
        model: ModelProfile,
        entry: ModelEntry,
        pool: str,
        cache: DeploymentHandle[Any],
        finisher: DeploymentHandle[Any],
        analyzer: DeploymentHandle[Any],
        encoder: DeploymentHandle[Any] | None = None,
    ) -> None:
        # Here, since they bring torch, which takes seconds: whoever builds the application needs this class alone.
        from app.engine.encoding import SharedEncoder, blocking_encoder
        from app.engine.timing.overhead import Overhead
        from app.engine.timing.power import power
        from app.worker.opening import load_denoiser, open_engine
        from app.worker.parts import Measurements, ReplicaParts
        from app.worker.replica import Replica
        from app.worker.step_profile import profile_key

        observe(settings)
        stores, name = open_stores(settings), serve.get_replica_context().replica_id.unique_id
        ask = None if encoder is None else EncoderHandle(encoder)
        encode = None if ask is None else blocking_encoder(ask, asyncio.get_running_loop())
        async with Start(stores.board, stores.clock, (pool,), DIFFUSER, entry.id, name).told():
            denoiser = await load_denoiser(settings, model, entry, pool, encode)
            parts = ReplicaParts(
                settings=settings,
                model=model,
                stores=stores,
                engine=open_engine(denoiser, rules_of(settings), *limits_of(settings)),
                encoder=None if ask is None else SharedEncoder(ask),
                caches=ReplicaCaches(CacheHandle(cache), SimilarHandle(cache), SentencesHandle(analyzer)),
                finishing=FinisherHandle(finisher),
                measurements=Measurements(Overhead(), power()),
            )
            key = profile_key(model, entry, settings, denoiser.hardware)
            replica = Replica(name, pool, drain_signal(name), key, parts)
            await replica.start()
        self._replica = replica

    async def run(self, job_id: str, fence: int) -> None:
        """Run one attempt to its end."""
        await self._started.run(job_id, fence)

    async def present(self) -> str:
        """The replica's name: an answer to the Dispatcher's roll call, which reaches those that Serve gives work to."""
        return self._started.name

    async def __del__(self) -> None:
        """Serve calls this when the replica leaves and its calls have ended: jobs still here are handed back."""
        if self._replica is not None:
            await self._replica.close()

    async def check_health(self) -> None:
        """Raises when the replica is beyond help: Serve then starts another."""
        self._started.check()

    @property
    def _started(self) -> Replica:
        if self._replica is None:
            raise RuntimeError("this replica has not started")
        return self._replica
