"""PromptAnalyzer: a request comes in, a plan goes out, predicted with what replicas measured; texts become vectors."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.embedded.sentences import EmbeddedSentences
from app.errors import StoreUnavailable
from app.models.enhancer import open_enhancer
from app.plan.catalogue import Catalogue
from app.plan.cost import Pace, pace_of
from app.plan.draft import PlanningContext, draft
from app.plan.feedback.feedback import Place
from app.plan.sentences import CachedSentences, SentenceFigures
from app.plan.tables import load_tables
from app.settings import Settings
from app.stores import open_stores
from app.types import Caller, ModelProfile, Plan, VideoRequest
from deployments.sentences import BatchedSentences

REFRESH_S = 5.0
SENTENCE_BYTES = 16 * 2**20  # about 8,000 prompts


class PromptAnalyzer:
    """Plans prompts and embeds sentences. What it holds can be had again: profiles, step times, recent vectors."""

    def __init__(self, settings: Settings, models: tuple[ModelProfile, ...]) -> None:
        self._stores = open_stores(settings)
        self._context = PlanningContext(
            catalogue=Catalogue(models, settings.default_name, settings.aliases),
            limits=settings,
            presets=self._stores.presets,
            enhancer=open_enhancer(settings),
            draw_seed=lambda: secrets.randbelow(2**31),
            tables=load_tables(settings.calibration_folder),
        )
        self._paces: dict[str, Pace] = {}
        self._leanings: Mapping[Place, float] = {}
        self._looked_at = float("-inf")
        encoder = EmbeddedSentences(threads=1)  # the Diffuser owns the cores
        encoder.warm()  # meanwhile, and without an encoder, prompts are planned
        self._sentences = CachedSentences(BatchedSentences(encoder), SENTENCE_BYTES, settings.embedding_ttl_s)

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        """Raises InvalidRequest and its kin."""
        await self._refresh()
        return await draft(request, caller, self._context, self._paces, self._leanings)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The Sentences port: one unit vector per text, float32 (n, 384). Raises ServiceUnavailable."""
        return await self._sentences.embed(texts)

    async def sentence_figures(self) -> SentenceFigures:
        """Hits, misses, entries and bytes of this replica's kept vectors."""
        return self._sentences.figures()

    async def _refresh(self) -> None:
        """What replicas have measured, and how ratings lean; without Redis what was last known serves."""
        now = time.monotonic()
        if now - self._looked_at < REFRESH_S:
            return
        self._looked_at = now
        try:
            replicas = await self._stores.jobs.replicas()
            self._leanings = await self._stores.ratings.leanings()
        except StoreUnavailable:
            return
        models = {replica.model for replica in replicas}
        self._paces = {model: pace_of([each for each in replicas if each.model == model]) for model in models}

    async def ping(self) -> str:
        return "ok"
