"""What plans are predicted with: what replicas have measured of themselves, and how ratings lean; read now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from app.errors import StoreUnavailable
from app.jobs.store import JobStore
from app.plan.cost import Pace, pace_of
from app.plan.feedback.feedback import Place
from app.plan.feedback.ratings import Ratings

REFRESH_S = 5.0


class PlanningFacts:
    """The newest that is known of both; without the store, what was last known serves."""

    def __init__(self, jobs: JobStore, ratings: Ratings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.paces: Mapping[str, Pace] = {}  # by model
        self.leanings: Mapping[Place, float] = {}
        self._jobs = jobs
        self._ratings = ratings
        self._monotonic = monotonic
        self._read_at = float("-inf")

    async def refresh(self) -> None:
        """Read again, if that is due. Never raises."""
        now = self._monotonic()
        if now - self._read_at < REFRESH_S:
            return
        self._read_at = now
        try:
            replicas = await self._jobs.replicas()
            self.leanings = await self._ratings.leanings()
        except StoreUnavailable:
            return
        models = {replica.model for replica in replicas}
        self.paces = {model: pace_of([each for each in replicas if each.model == model]) for model in models}
