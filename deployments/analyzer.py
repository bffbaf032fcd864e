"""PromptAnalyzer: a request comes in, a plan goes out; the step time it predicts with is what replicas measured."""

from __future__ import annotations

import secrets
import time

from app.engine.masks.table import evaluations
from app.errors import StoreUnavailable
from app.plan.models import Catalogue
from app.plan.planner import make_plan
from app.settings import Settings
from app.types import Caller, ModelProfile, Plan, VideoRequest
from deployments.stores import open_stores

REFRESH_S = 5.0


class PromptAnalyzer:
    """Plans prompts. Stateless but for the models' profiles and a copy of the replicas' measured step times."""

    def __init__(self, settings: Settings, models: tuple[ModelProfile, ...]) -> None:
        self._settings = settings
        self._catalogue = Catalogue(models, settings.default_model, settings.model_aliases)
        self._jobs = open_stores(settings).jobs
        self._step_s: dict[str, float] = {}
        self._looked_at = float("-inf")

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        """Raises InvalidRequest and its kin."""
        await self._refresh()
        model = self._catalogue.find(request.model)
        return make_plan(
            request,
            self._catalogue,
            self._settings,
            step_s=self._step_s.get(model.id),
            draw_seed=lambda: secrets.randbelow(2**31),
            evaluations=evaluations,
        )

    async def _refresh(self) -> None:
        """Step times as replicas publish them; without Redis the last known ones serve."""
        now = time.monotonic()
        if now - self._looked_at < REFRESH_S:
            return
        self._looked_at = now
        try:
            replicas = await self._jobs.replicas()
        except StoreUnavailable:
            return
        times: dict[str, list[float]] = {}
        for replica in replicas:
            times.setdefault(replica.model, []).append(replica.step_s)
        self._step_s = {model: sum(values) / len(values) for model, values in times.items()}

    async def ping(self) -> str:
        return "ok"
