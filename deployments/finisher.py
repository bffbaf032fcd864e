"""Finisher: frames become files off the device's path; `app.worker.finishing` tells how a job is closed with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.serve.handle import DeploymentHandle

from app.cache.results import ResultCache
from app.service.background import Background
from app.settings import Settings
from app.stores import open_stores
from app.types import Measured
from app.worker.finishing import JobFinisher
from deployments.cache_handles import CacheHandle
from deployments.observed import observe


class Finisher:
    """Serve's calls, passed on to a JobFinisher."""

    def __init__(self, settings: Settings, cache: DeploymentHandle[Any]) -> None:
        observe(settings)
        results = ResultCache(CacheHandle(cache))
        self._finisher = JobFinisher(open_stores(settings), settings, results, Background())

    async def finish(self, job_id: str, fence: int, frames: NDArray[np.uint8], measured: Measured) -> None:
        """Close a job with its frames, uint8 (F, H, W, 3). Raises what the Finishing port says."""
        await self._finisher.finish(job_id, fence, frames, measured)

    async def ping(self) -> str:
        return "ok"
