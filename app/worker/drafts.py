"""The draft of one attempt outside the engine: stored, noted on the record, told; then what became of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.errors import KinorayError
from app.plan.speculative.speculative import steps_saved
from app.service.background import Background
from app.types import DraftUse, Job
from app.worker.ports import Finishing, ReplicaStores

if TYPE_CHECKING:
    from app.engine.sinks import DraftVerdict

log = logging.getLogger(__name__)
SETTLE_S = 10.0
"""How long a finished job waits for its draft to be told of; one that takes longer is never told."""


class Drafts:
    """Off the path of the steps, one thing after the other: a draft that cannot be stored is no loss to its job.

    All writes carry the fence; a job that has moved on is left alone.
    """

    def __init__(
        self, job: Job, fence: int, stores: ReplicaStores, finishing: Finishing, background: Background
    ) -> None:
        self._job = job
        self._fence = fence
        self._stores = stores
        self._finishing = finishing
        self._background = background
        self._use = job.draft or DraftUse()
        self._last: asyncio.Task[None] | None = None

    def made(self, frames: NDArray[np.uint8]) -> None:
        """Have it stored and told; one that an earlier attempt has shown stays as it is."""
        if self._use.artifact is None:
            self._then(lambda: self._show(frames))

    def judged(self, verdict: DraftVerdict) -> None:
        """Have it said what became of it."""
        self._then(lambda: self._say(verdict))

    async def settle(self) -> None:
        """Wait, a while, until all that was handed in is written."""
        if self._last is not None:
            await asyncio.wait([self._last], timeout=SETTLE_S)

    def _then(self, work: Callable[[], Awaitable[None]]) -> None:
        before = self._last

        async def run() -> None:
            if before is not None:
                await asyncio.wait([before])
            try:
                await work()
            except KinorayError as error:
                log.warning("The draft is not told of: %s", error)

        self._last = self._background.spawn(run(), f"draft of {self._job.id}")

    async def _show(self, frames: NDArray[np.uint8]) -> None:
        job, plan = self._job, self._job.plan
        stored = await self._finishing.draft(job.id, self._fence, frames)
        now = self._stores.clock()
        self._use = replace(self._use, artifact=stored.artifact, sha256=stored.sha256, at=now)
        await self._stores.jobs.note_draft(job.id, self._fence, self._use)
        steps = 0 if plan.draft is None else plan.draft.sampling.budget
        data = {
            "variant": "draft",
            "width": plan.spec.width,
            "height": plan.spec.height,
            "frames": plan.spec.frames,
            "fps": plan.spec.fps,
            "seconds": round(plan.spec.seconds, 3),
            "steps": steps,
            "size_bytes": stored.artifact.size_bytes,
            "after_s": round(max(0.0, now - job.created_at), 3),
        }
        await self._stores.events.append(job.id, "draft", now, data, self._fence)

    async def _say(self, verdict: DraftVerdict) -> None:
        job, plan = self._job, self._job.plan
        self._use = replace(self._use, verdict=verdict.verdict, residual=verdict.residual, step=verdict.step)
        await self._stores.jobs.note_draft(job.id, self._fence, self._use)
        checked = plan.draft is not None and verdict.residual is not None
        data = {
            "verdict": verdict.verdict,
            "from_step": verdict.step,
            "total_steps": plan.sampling.steps,
            "noise_level": round(verdict.level, 4),
            "steps_saved": steps_saved(plan) if verdict.step else 0,
            "residual": None if verdict.residual is None else round(verdict.residual, 5),
            "most_residual": plan.draft.most_residual if plan.draft is not None and checked else None,
        }
        await self._stores.events.append(job.id, "refine", self._stores.clock(), data, self._fence)
