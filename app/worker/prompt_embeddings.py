"""A job's prompts as its model reads them: from the embedding cache, else encoded; what was encoded is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from app.cache.embeddings import EmbeddingCache
from app.cache.keys import embedding_key, pool_of
from app.settings import Settings
from app.types import Job

if TYPE_CHECKING:
    from app.engine.embedding import Embedding
    from app.engine.encoding import Encoder


class EncodedPrompts(NamedTuple):
    """What is known of prompt and negative prompt; None: the engine encodes both when the job joins."""

    prompt: Embedding | None
    negative: Embedding | None

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to encode."""
        return self.prompt is not None and self.negative is not None


UNENCODED = EncodedPrompts(None, None)


class PromptEmbeddings:
    """Embeddings of jobs' prompts, in front of them the cache.

    `encoder`: one that is asked before the job goes to the engine; without it the engine encodes, at the boundary at
    which the job joins. Asking the engine first would cost the job the step that begins meanwhile.
    """

    def __init__(self, cache: EmbeddingCache, settings: Settings, encoder: Encoder | None) -> None:
        self._cache = cache
        self._settings = settings
        self._encoder = encoder

    async def find(self, job: Job) -> EncodedPrompts:
        """What the cache has, if the job may read it."""
        if not job.wishes.cache.reads_parts:
            return UNENCODED
        return EncodedPrompts(*await asyncio.gather(*(self._cache.get(key) for key in self._keys(job))))

    async def encode(self, job: Job) -> EncodedPrompts:
        """What the encoder makes of both. Raises WorkerLost: it cannot be asked."""
        if self._encoder is None:
            return UNENCODED
        return EncodedPrompts(*await self._encoder.encode([job.plan.prompt, job.plan.negative_prompt]))

    async def keep(self, job: Job, prompts: EncodedPrompts, took_s: float) -> None:
        """Put both into the cache, if the job may; `took_s`: what it took to encode them."""
        if not job.wishes.cache.writes_parts:
            return
        pairs = zip(self._keys(job), prompts, strict=True)
        puts = [self._put(key, embedding, took_s / 2) for key, embedding in pairs if embedding is not None]
        await asyncio.gather(*puts)

    async def _put(self, key: str, embedding: Embedding, took_s: float) -> None:
        await self._cache.put(key, embedding, self._settings.embedding_ttl_s, took_s)

    def _keys(self, job: Job) -> list[str]:
        pool = pool_of(job.tenant, self._settings.share_embeddings)
        return [embedding_key(job.plan.revision, text, pool) for text in (job.plan.prompt, job.plan.negative_prompt)]
