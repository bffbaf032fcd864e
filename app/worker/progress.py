"""Tells of one attempt's progress under its fence: the record for those who ask, events for those who follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.types import Phase
from app.video.preview import data_url, glimpse
from app.worker.account import AttemptLog
from app.worker.facts import PreviewMade, StepDone
from app.worker.ports import ReplicaStores

REPORT_S = 0.25  # steps are reported at most this often


class Progress:
    """Writes of one attempt. All raise LeaseLost once another has the job, and StoreUnavailable.

    The attempt's account goes along with the events of phases and steps.
    `overhead_s`: seconds that such a job takes beside its steps; they are part of what is left.
    """

    def __init__(
        self,
        job_id: str,
        fence: int,
        stores: ReplicaStores,
        overhead_s: Callable[[], float],
        monotonic: Callable[[], float],
        log: AttemptLog,
    ) -> None:
        self._job_id = job_id
        self._fence = fence
        self._stores = stores
        self._overhead_s = overhead_s
        self._monotonic = monotonic
        self._log = log
        self._reported_at = float("-inf")

    async def phase(self, phase: Phase) -> None:
        """The job has entered a phase."""
        await asyncio.gather(  # in one round trip
            self._stores.jobs.advance(self._job_id, self._fence, phase, self._stores.clock()), self.announce(phase)
        )

    async def announce(self, phase: Phase) -> None:
        """Those who follow hear of a phase; the record is left to whoever enters it."""
        now, data = self._stores.clock(), {"phase": phase.value}
        await self._stores.events.append(self._job_id, "phase", now, data, self._fence, self._log.entries())

    async def step(self, done: StepDone) -> None:
        """A step is done; of those that follow too soon nothing is said."""
        if self._monotonic() - self._reported_at < REPORT_S:
            return
        self._reported_at = self._monotonic()
        now = self._stores.clock()
        eta_s = round(done.eta_s + self._overhead_s(), 2)
        data = {"step": done.step, "total_steps": done.total, "eta_s": eta_s}
        await asyncio.gather(  # in one round trip
            self._stores.jobs.advance(self._job_id, self._fence, Phase.DENOISING, now, done.step, eta_s),
            self._stores.events.append(self._job_id, "step", now, data, self._fence, self._log.entries()),
        )

    async def preview(self, made: PreviewMade) -> None:
        """A look at the unfinished job, as a data URL."""
        picture = await asyncio.to_thread(glimpse, made.frame)
        height, width = made.frame.shape[:2]
        data = {
            "step": made.step,
            "total_steps": made.total,
            "width": width,
            "height": height,
            "image": data_url(picture),
        }
        await self._stores.events.append(self._job_id, "preview", self._stores.clock(), data, self._fence)
