"""PromptAnalyzer: a request comes in, a plan goes out, predicted with what replicas measured; texts become vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.settings import Settings
from app.types import ModelProfile
from deployments.observed import observe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.plan.sentences import SentenceFigures
    from app.tracing.carry import Carried
    from app.types import Caller, Plan, VideoRequest


class PromptAnalyzer:
    """Serve's calls, passed on to an Analysis. What it holds can be had again: profiles, step times, recent vectors."""

    def __init__(self, settings: Settings, models: tuple[ModelProfile, ...]) -> None:
        from deployments.analysis import Analysis  # here: whoever builds the application needs this class alone

        observe(settings)
        self._analysis = Analysis(settings, models)

    async def plan(self, request: VideoRequest, caller: Caller, sent: Carried = None) -> Plan:
        """Raises InvalidRequest and its kin."""
        return await self._analysis.plan(request, caller, sent)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The Sentences port: one unit vector per text, float32 (n, 384). Raises ServiceUnavailable."""
        return await self._analysis.embed(texts)

    async def sentence_figures(self) -> SentenceFigures:
        """Hits, misses, entries and bytes of this replica's kept vectors."""
        return self._analysis.sentence_figures()

    async def ping(self) -> str:
        return "ok"
