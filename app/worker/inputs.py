"""What a job begins with beside its prompts: its checkpoint, its input image, the latent of a similar video."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.cache.embeddings import EmbeddingCache
from app.cache.keys import inputs_key, pool_of
from app.cache.similar import Latent, kept_latent
from app.cache.store import ByteCache
from app.engine.shown import Shown
from app.settings import Settings
from app.types import FIRST, REFERENCE, VIDEO, Artifact, Job, Plan, PlannedInput, VideoSpec
from app.video.given_video import frames_of
from app.video.picture import fitted, pixels_of
from app.worker.ports import ReplicaEngine, ReplicaStores, Timing

if TYPE_CHECKING:
    from app.engine.denoiser import Frames
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
        """What the model makes of the job's pictures and videos: from the cache, else read and encoded; {} without.

        Raises:
            ArtifactLost, StoreUnavailable: the image cannot be read.
            WorkerLost: the engine has ended.
        """
        plan = job.plan
        if not plan.inputs:
            return {}
        key = inputs_key(plan, pool_of(job.tenant, self._settings.share_embeddings))
        found = await self._embeddings.get(key) if job.wishes.cache.reads_parts else None
        if found is not None:
            return found
        began = self._timing.monotonic()
        made = await self._encoded(plan)
        if job.wishes.cache.writes_parts:
            took_s = self._timing.monotonic() - began
            await self._embeddings.put(key, made, self._settings.embedding_ttl_s, took_s)
        return made

    async def _encoded(self, plan: Plan) -> Embedding:
        if plan.image is not None and not plan.references:
            return await asyncio.wrap_future(self._engine.encode_image(await self._first(plan), plan.spec))
        first = [] if plan.image is None else [Shown(FIRST, await self._first(plan))]
        others = [await self._shown(each, plan.spec) for each in plan.references]
        return await asyncio.wrap_future(self._engine.encode_inputs([*first, *others], plan.spec))

    async def _first(self, plan: Plan) -> Frames:
        assert plan.image is not None
        return await asyncio.to_thread(fitted, await self._read(plan.image), plan.spec.width, plan.spec.height)

    async def _shown(self, given: PlannedInput, spec: VideoSpec) -> Shown:
        """An input as the model is shown it: of the video's size, but for a reference, whose edges say what it is."""
        content = await self._read(given.artifact)
        if given.kind == VIDEO:
            frames = await asyncio.to_thread(frames_of, content, spec)
        elif given.role == REFERENCE and given.frame is None:
            frames = (await asyncio.to_thread(pixels_of, content))[None]
        else:
            frames = await asyncio.to_thread(fitted, content, spec.width, spec.height)
        return Shown(given.role, frames, given.frame, given.strength)

    async def _read(self, artifact: Artifact) -> bytes:
        return b"".join([chunk async for chunk in self._stores.artifacts.read(artifact)])
