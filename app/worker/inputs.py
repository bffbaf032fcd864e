"""What a job begins with beside its prompts: its checkpoint, its input image, the latent of a similar video."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.cache.embeddings import EmbeddingCache
from app.cache.keys import picture_key, pool_of
from app.cache.similar import Latent, kept_latent
from app.cache.store import ByteCache
from app.settings import Settings
from app.types import Artifact, Job, VideoSpec
from app.video.picture import fitted
from app.worker.ports import ReplicaEngine, ReplicaStores, Timing

if TYPE_CHECKING:
    from app.engine.embedding import Embedding


class Inputs:
    """Reads them from stores and caches."""

    def __init__(
        self, stores: ReplicaStores, cache: ByteCache, engine: ReplicaEngine, settings: Settings, timing: Timing
    ) -> None:
        self._stores = stores
        self._cache = cache
        self._embeddings = EmbeddingCache(cache)
        self._engine = engine
        self._settings = settings
        self._timing = timing

    async def checkpoint(self, job: Job) -> bytes | None:
        """The newest that an earlier attempt has left. Raises StoreUnavailable."""
        return await self._stores.checkpoints.get(job.id) if job.attempts > 1 else None

    async def similar_latent(self, job: Job) -> Latent | None:
        """The latent that the plan begins with, if it is still there, float32 (C, F', H', W')."""
        start = job.plan.start
        return None if start is None else await kept_latent(self._cache, start.entry)

    async def image(self, job: Job) -> Embedding:
        """What the model makes of the job's image: from the cache, else read, fitted and encoded; {} without one.

        Raises:
            ArtifactLost, StoreUnavailable: the image cannot be read.
            WorkerLost: the engine has ended.
        """
        plan = job.plan
        if plan.image is None:
            return {}
        key = picture_key(plan.revision, plan.image, plan.spec, pool_of(job.tenant, self._settings.share_embeddings))
        found = await self._embeddings.get(key) if job.wishes.cache.reads_parts else None
        if found is not None:
            return found
        began = self._timing.monotonic()
        made = await self._encoded(plan.image, plan.spec)
        if job.wishes.cache.writes_parts:
            took_s = self._timing.monotonic() - began
            await self._embeddings.put(key, made, self._settings.embedding_ttl_s, took_s)
        return made

    async def _encoded(self, image: Artifact, spec: VideoSpec) -> Embedding:
        png = b"".join([chunk async for chunk in self._stores.artifacts.read(image)])
        picture = await asyncio.to_thread(fitted, png, spec.width, spec.height)
        return await asyncio.wrap_future(self._engine.encode_image(picture, spec))
