"""What a PromptAnalyzer does: a request becomes a plan, predicted with what replicas measured; texts become vectors."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.embedded.sentences import EmbeddedSentences, import_encoder
from app.engine.niceness import LATER, give_way
from app.logs.context import unsaid
from app.models.enhancer import open_enhancer
from app.models.postprocessing import limits_of
from app.models.vocabularies import readers
from app.plan.catalogue import Catalogue
from app.plan.draft import PlanningContext, draft
from app.plan.sentences import CachedSentences, SentenceFigures
from app.plan.tables import load_tables
from app.service.planning_facts import PlanningFacts
from app.settings import Settings
from app.stores import open_stores
from app.tracing.carry import Carried, continued
from app.types import Caller, ModelProfile, Plan, VideoRequest
from deployments.sentences import BatchedSentences

SENTENCE_BYTES = 16 * 2**20  # about 8,000 prompts


class Analysis:
    """Plans prompts and embeds sentences; works in a Serve replica only."""

    def __init__(self, settings: Settings, models: tuple[ModelProfile, ...]) -> None:
        stores = open_stores(settings)
        self._context = PlanningContext(
            catalogue=Catalogue(models, settings.default_name, settings.aliases),
            limits=settings,
            presets=stores.presets,
            enhancer=open_enhancer(settings),
            draw_seed=lambda: secrets.randbelow(2**31),
            tables=load_tables(settings.calibration_folder),
            readers=readers(),
            frames=limits_of(settings),
        )
        self._facts = PlanningFacts(stores.jobs, stores.ratings)
        encoder = EmbeddedSentences(threads=1)  # the Diffuser owns the cores
        encoder.warm(_begin_quietly)  # meanwhile, and without an encoder, prompts are planned
        self._sentences = CachedSentences(BatchedSentences(encoder), SENTENCE_BYTES, settings.embedding_ttl_s)

    async def plan(self, request: VideoRequest, caller: Caller, sent: Carried = None) -> Plan:
        """Raises InvalidRequest and its kin."""
        with continued(sent, "PromptAnalyzer.plan"), unsaid(request.prompt, request.negative_prompt):
            await self._facts.refresh()
            return await draft(request, caller, self._context, self._facts.paces, self._facts.leanings)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The Sentences port: one unit vector per text, float32 (n, 384). Raises ServiceUnavailable."""
        return await self._sentences.embed(texts)

    def sentence_figures(self) -> SentenceFigures:
        """Hits, misses, entries and bytes of this replica's kept vectors."""
        return self._sentences.figures()


def _begin_quietly() -> None:
    """Whoever starts waits for the Diffuser, which brings in as much at the same time."""
    give_way(LATER)
    import_encoder()
