"""Diffuser: owns a device and the jobs it is stepping; writes their progress to Redis itself."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import logging
import sys
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psutil
from ray import serve
from ray.serve.handle import DeploymentHandle

from app.engine.encoding import Encoder, SharedEncoder, from_afar
from app.engine.loop import Engine
from app.engine.memory.headroom import DeviceRoom
from app.engine.memory.pressure import Gauge, Memory
from app.engine.timing.overhead import Overhead
from app.engine.timing.power import power
from app.errors import IllegalTransition, JobNotFound, KinorayError, LeaseLost, StoreUnavailable, WorkerLost
from app.line.pressure import Level
from app.line.profile import noted, to_note
from app.service.similar_start import Shelf
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.settings.placement import parallel_of
from app.stores import open_stores
from app.types import ModelProfile, ReplicaInfo
from deployments.attempt import Attempt, ReplicaFigures
from deployments.encoder import EncoderHandle
from deployments.handles import CacheHandle, SentencesHandle, SimilarHandle
from deployments.roster import farewell
from deployments.rules import limits_of, rules_of

log = logging.getLogger("ray.serve")
CLOSE_S = 10.0  # a replica that leaves waits this long for the step under way and for handing jobs back
PROFILE_BEATS = 30  # beats between two notes of the step times
PROFILE_TTL_S = 30 * 86400.0
SWITCH_S = 0.0005  # the most that the engine's thread waits for the interpreter that the loop holds; else 5 ms
BEAT_S = 2.0  # how often a replica says that it is there and renews its leases


class Diffuser:
    """One replica of a pool. The engine's thread computes; this loop talks."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self,
        settings: Settings,
        model: ModelProfile,
        entry: ModelEntry,
        pool: str,
        cache: DeploymentHandle[Any],
        finisher: DeploymentHandle[Any],
        analyzer: DeploymentHandle[Any],
        encoder: DeploymentHandle[Any] | None = None,
    ) -> None:
        from app.models.loading import load_entry  # torch: only where it is needed

        sys.setswitchinterval(SWITCH_S)
        self._settings = settings
        self._model = model
        self._pool = pool
        self._finisher = finisher
        self._stores = open_stores(settings)
        self._shelf = Shelf(CacheHandle(cache), SimilarHandle(cache), SentencesHandle(analyzer))
        self._attempts: dict[str, Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()  # those of the tasks that are attempts
        # On a thread that ends: OpenMP counts the helpers of every living thread, and with more of them than cores its
        # barriers sleep at once, which makes the engine's steps half as fast.
        with ThreadPoolExecutor(max_workers=1) as loader:
            ratios = settings.mag_ratios.get(model.id, ())
            shared = parallel_of(settings.parallel.get(pool, {}))
            asked = None if encoder is None else from_afar(EncoderHandle(encoder), asyncio.get_running_loop())
            work = partial(load_entry, entry, settings, ratios, shared, asked)
            denoiser = await asyncio.get_running_loop().run_in_executor(loader, work)
        self._figures = ReplicaFigures(Overhead(), power())
        reader, (host, device) = Memory(denoiser.device), limits_of(settings)
        memory = Gauge(reader, host, device, time.monotonic)
        room = DeviceRoom(denoiser.device, reader, (device if denoiser.device.type == "cuda" else host).warning)
        self._engine = Engine(denoiser, rules_of(settings), memory=memory, room=room)
        self._encoder: Encoder | None = None if encoder is None else SharedEncoder(EncoderHandle(encoder))
        layout = (f"{entry.dtype}/" if entry.dtype else "") + settings.layout.label
        self._profile = f"profile:{model.id}:{model.revision}:{layout}:{denoiser.hardware}"
        await self._adopt_profile()  # first, so that what others have measured is not measured again
        await asyncio.to_thread(self._engine.warm_up, model)
        self._name: str = serve.get_replica_context().replica_id.unique_id
        self._spawn(self._beat())
        self._spawn(self._listen())

    async def _adopt_profile(self) -> None:
        """What replicas before this one have measured on such hardware; without Redis it is measured anew."""
        try:
            note = await self._stores.board.look(self._profile)
            await asyncio.to_thread(self._engine.adopt, noted(note or {}))
        except StoreUnavailable as error:
            log.warning("No step times of others: %s", error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # An empty context: what runs here must outlive the call that happened to start it.
        task = contextvars.Context().run(asyncio.ensure_future, work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def run(self, job_id: str, fence: int) -> None:
        """Run one attempt to its end. The attempt lives in its own task: it goes on if the caller dies.

        A replica that is leaving hands the job back to the line instead.
        """
        if self._leaving.is_set():
            await self._hand_back(job_id, fence)
            return
        attempt = Attempt(
            self._stores,
            self._settings,
            self._engine,
            self._encoder,
            self._shelf,
            self._finisher,
            self._model,
            self._figures,
        )
        self._attempts[job_id] = attempt
        task = self._spawn(attempt.run(job_id, fence))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.shield(task)
        except (WorkerLost, asyncio.CancelledError):  # it had not begun to step when the engine closed
            if not (self._leaving.is_set() and task.done()):
                raise
            await self._hand_back(job_id, fence)
        finally:
            if task.done() and self._attempts.get(job_id) is attempt:
                del self._attempts[job_id]

    async def _hand_back(self, job_id: str, fence: int) -> None:
        with contextlib.suppress(LeaseLost, JobNotFound, IllegalTransition):
            await self._stores.jobs.requeue(job_id, fence, time.time())

    async def present(self) -> str:
        """The replica's name: an answer to the Dispatcher's roll call, which reaches those that Serve gives work to."""
        return self._name

    async def _leave(self) -> None:
        """Serve stops this replica: every job stops after the step under way, is checkpointed there and handed back."""
        if self._leaving.is_set():
            return
        self._leaving.set()
        log.info("Leaving: %d jobs go back to the line", len(self._running))
        with contextlib.suppress(StoreUnavailable):
            await self._announce()
        await asyncio.to_thread(self._engine.close)

    async def _beat(self) -> None:
        for beat in itertools.count():
            try:
                await self._stores.clock.sync()
                await self._announce()
                if beat % PROFILE_BEATS == 0:
                    note = to_note(self._engine.times, self._engine.limits)
                    await self._stores.board.post(self._profile, note, PROFILE_TTL_S)
                leases = [attempt.lease for attempt in self._attempts.values() if attempt.lease is not None]
                for job_id in await self._stores.jobs.renew(leases, self._settings.lease_s, self._stores.clock()):
                    self._engine.stop(job_id)
            except KinorayError as error:
                log.warning("No heartbeat: %s", error)
            await asyncio.sleep(BEAT_S)

    async def _announce(self) -> None:
        self._figures.power.look(busy=bool(self._attempts))
        self._engine.look_at_memory()
        pressure = self._engine.pressure
        info = ReplicaInfo(
            replica=self._name,
            pool=self._pool,
            model=self._model.id,
            # Who could not join is leased elsewhere.
            slots=self._settings.slots if pressure.worst is Level.OK else max(1, len(self._attempts)),
            running=len(self._attempts),
            step_s=self._engine.step_s,
            seen_at=self._stores.clock(),
            memory_bytes=psutil.Process().memory_info().rss,
            step_times=self._engine.step_times,
            leaving=self._leaving.is_set(),
            overhead_s=self._figures.overhead.seconds,
            device_overhead_s=self._figures.overhead.device_seconds,
            overheads=_summed(self._figures.overhead.by_shape, self._engine.begin_times),
            device_overheads=_summed(self._figures.overhead.device_by_shape, self._engine.begin_times),
            watts=self._figures.power.watts,
            host_memory=pressure.used.host,
            device_memory=pressure.used.device,
            pressure=pressure.worst.name.lower(),
        )
        await self._stores.jobs.announce(info, ttl_s=3 * BEAT_S)

    async def _listen(self) -> None:
        """Jobs that somebody cancelled or deleted stop at the next step boundary; a replica named itself leaves."""
        while True:
            try:
                async for name in self._stores.stops.listen():
                    if name == farewell(self._name):
                        self._spawn(self._leave())
                    else:
                        self._engine.stop(name)
            except StoreUnavailable:
                await asyncio.sleep(BEAT_S)

    async def __del__(self) -> None:
        """Serve calls this when the replica leaves and its calls have ended: jobs still here are handed back."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._leave(), CLOSE_S)
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_S)

    async def check_health(self) -> None:
        """Raises when the engine's thread is dead: Serve then starts another replica."""
        if not self._engine.healthy():
            raise RuntimeError("the engine has stopped")


def _summed(beside: dict[str, float], begin: dict[str, float]) -> dict[str, float]:
    return {shape: seconds + begin.get(shape, 0.0) for shape, seconds in beside.items()}
