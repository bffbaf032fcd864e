"""A replica's story: it warms up, announces itself, runs attempts side by side, and hands jobs back when it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from app.errors import IllegalTransition, JobNotFound, LeaseLost, RecordTooNew, StoreUnavailable, WorkerLost
from app.jobs.events import priority_signal
from app.jobs.reports.account import NOT_TAKEN, REPLICA_LEFT, loss_entry
from app.logs.context import about
from app.telemetry import RETRIES, figure
from app.worker.attempt import Attempt
from app.worker.heartbeat import BEAT_S, Heartbeat
from app.worker.parts import ReplicaParts
from app.worker.step_profile import StepProfile

log = logging.getLogger(__name__)
CLOSE_S = 10.0  # a replica that leaves waits this long for the step under way and for handing jobs back


class Replica:
    """One replica of a pool: the engine's thread computes, the loop that this runs on talks.

    `drain_signal`: what is sent among the stop signals when this replica is to leave.
    """

    def __init__(self, name: str, pool: str, drain_signal: str, profile_key: str, parts: ReplicaParts) -> None:
        self.name = name
        self.pool = pool
        self.leaving = False
        self.attempts: dict[str, Attempt] = {}  # by job id; those that are running
        self._drain_signal = drain_signal
        self._parts = parts
        self._running: set[asyncio.Task[None]] = set()
        self._profile = StepProfile(profile_key, parts.stores.board, parts.engine)
        self._heartbeat = Heartbeat(self, parts, self._profile)

    async def start(self) -> None:
        """Measure the model's steps, but for those that others have measured; then be there for jobs.

        Raises:
            DeviceOutOfMemory: the model does not fit. As with all else that is raised here, the engine has ended then.
        """
        try:
            await self._profile.adopt()
            await asyncio.to_thread(self._parts.engine.warm_up, self._parts.model)
        except BaseException:
            await asyncio.to_thread(self._parts.engine.close)
            raise
        self._parts.background.keep(self._heartbeat.run(), "the heartbeat")
        self._parts.background.keep(self._listen(), "the listener for stop signals")

    async def run(self, job_id: str, fence: int) -> None:
        """Run one attempt to its end. The attempt lives in its own task: it goes on if the caller dies.

        A replica that is leaving hands the job back to the line instead.

        Raises:
            StoreUnavailable, WorkerLost: the attempt gave up; the job is to be given to another replica.
        """
        if self.leaving:
            await self._hand_back(job_id, fence)
            return
        task = self._begin(job_id, fence)
        try:
            await asyncio.shield(task)
        except RecordTooNew:  # nor can it be read here to be put back
            raise
        except StoreUnavailable:  # nor may whoever asked be there still, or reach the store
            self._parts.background.spawn(self._put_back(job_id, fence), f"putting back {job_id}")
            raise
        except (WorkerLost, asyncio.CancelledError):  # it had not begun to step when the engine closed
            if not self._cut_short(task):
                raise
            await self._hand_back(job_id, fence)

    def _cut_short(self, task: asyncio.Task[None]) -> bool:
        return self.leaving and task.done()

    def _begin(self, job_id: str, fence: int) -> asyncio.Task[None]:
        attempt = Attempt(job_id, fence, self._parts, self.name)
        self.attempts[job_id] = attempt
        task = self._parts.background.spawn(attempt.run(), f"attempt {fence} of {job_id}")
        self._running.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            if self.attempts.get(job_id) is attempt:
                del self.attempts[job_id]

        task.add_done_callback(ended)
        return task

    async def _hand_back(self, job_id: str, fence: int) -> None:
        with contextlib.suppress(LeaseLost, JobNotFound, IllegalTransition):
            stores, now = self._parts.stores, self._parts.stores.clock()
            with about(job=job_id, fence=fence):
                log.info("handed over: this replica leaves")
            leased_at = (await stores.jobs.requeue(job_id, fence, now)).started_at
            await stores.events.note(
                job_id, {loss_entry(fence): {"leased_at": leased_at, "at": now, "why": REPLICA_LEFT}}
            )
            await stores.meter.add({figure(RETRIES, "handed_back"): 1})

    async def _put_back(self, job_id: str, fence: int) -> None:
        """Once the store answers, the job goes back to the line, unless it has moved on: without it, its lease would
        have to run out, which counts against the job."""
        while True:
            await self._parts.timing.sleep(BEAT_S)
            try:
                await self._return(job_id, fence)
            except StoreUnavailable:
                continue
            except (LeaseLost, JobNotFound, IllegalTransition):
                pass
            return

    async def _return(self, job_id: str, fence: int) -> None:
        stores = self._parts.stores
        job = await stores.jobs.get(job_id)
        if job.fence != fence or job.phase.ended:
            return
        now = stores.clock()
        await stores.jobs.requeue(job_id, fence, now)
        with about(job=job_id, fence=fence):
            log.info("put back: the store had been away")
        entries = {loss_entry(fence): {"leased_at": job.started_at, "at": now, "why": NOT_TAKEN}}
        await stores.events.append(job_id, "phase", now, {"phase": "queued"}, entries=entries)
        await stores.meter.add({figure(RETRIES, "not_started"): 1})

    async def leave(self) -> None:
        """Take no more jobs; those here stop after the step under way, are checkpointed there and handed back."""
        if self.leaving:
            return
        self.leaving = True
        log.info("Leaving: %d jobs go back to the line", len(self._running))
        with contextlib.suppress(StoreUnavailable):
            await self._heartbeat.announce()
        await asyncio.to_thread(self._parts.engine.close)

    async def close(self, timeout_s: float = CLOSE_S) -> None:
        """Leave, and wait until all jobs are handed back: for each of the two no longer than `timeout_s`."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.leave(), timeout_s)
        if self._running:
            await asyncio.wait(self._running, timeout=timeout_s)

    def check(self) -> None:
        """Raises RuntimeError when the engine's thread is dead or hangs, or no heartbeat or stop signal is heard."""
        if not self._parts.engine.healthy():
            raise RuntimeError("the engine has stopped")
        self._parts.background.check()

    def _reprioritised(self, signal: str) -> bool:
        """Whether the signal says that a job has another priority, here or elsewhere."""
        for job_id, attempt in self.attempts.items():
            if signal == priority_signal(job_id):
                self._parts.background.spawn(attempt.reprioritise(), f"another priority of {job_id}")
                return True
        return False

    async def _listen(self) -> None:
        """Jobs that somebody cancelled or deleted stop at the next step boundary; a replica named itself leaves."""
        while True:
            try:
                async for signal in self._parts.stores.stops.listen():
                    if signal == self._drain_signal:
                        self._parts.background.spawn(self.leave(), "leaving")
                    elif not self._reprioritised(signal):
                        self._parts.engine.stop(signal)
            except StoreUnavailable:
                await self._parts.timing.sleep(BEAT_S)
