"""A replica's sign of life: what it says of itself, and the leases it renews, every few seconds."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from app.errors import KinorayError
from app.jobs.record import VERSION
from app.line.pressure import Level
from app.plan.abilities import offered_by
from app.telemetry import BATCH_SIZE, FENCES_REFUSED, PREEMPTIONS, figure, observed
from app.types import Lease, ReplicaInfo

if TYPE_CHECKING:
    from app.worker.parts import ReplicaParts  # torch: who wants to know how often they beat needs none
    from app.worker.step_profile import StepProfile

log = logging.getLogger(__name__)
BEAT_S = 2.0  # between two heartbeats
PROFILE_BEATS = 30  # heartbeats between two notes of the step times


class LeaseHolder(Protocol):
    """An attempt, as its heartbeat knows it."""

    @property
    def lease(self) -> Lease | None: ...
    def stop(self) -> None:
        """Its lease is lost."""
        ...


class Beating(Protocol):
    """The replica whose heart beats."""

    @property
    def name(self) -> str: ...
    @property
    def pool(self) -> str: ...
    @property
    def leaving(self) -> bool: ...
    @property
    def attempts(self) -> Mapping[str, LeaseHolder]: ...


class Heartbeat:
    """Announces the replica and renews the leases of its attempts."""

    def __init__(self, replica: Beating, parts: ReplicaParts, profile: StepProfile) -> None:
        self._replica = replica
        self._parts = parts
        self._profile = profile
        self._takes = tuple(sorted(offered_by(parts.model)))

    async def run(self) -> None:
        """Without end."""
        for beat in itertools.count():
            try:
                await self.beat()
                if beat % PROFILE_BEATS == 0:
                    await self._profile.keep()
            except KinorayError as error:
                log.warning("No heartbeat: %s", error)
            await self._parts.timing.sleep(BEAT_S)

    async def beat(self) -> None:
        """Once. An attempt whose lease is lost stops. Raises StoreUnavailable."""
        stores = self._parts.stores
        await stores.clock.sync()
        await self.announce()
        held = [each for each in self._replica.attempts.values() if each.lease is not None]
        leases = [each.lease for each in held if each.lease is not None]
        lost = await stores.jobs.renew(leases, self._parts.settings.lease_s, stores.clock())
        for attempt, lease in zip(held, leases, strict=True):
            if lease.job_id in lost:
                attempt.stop()
        await self._count(len(lost))

    async def _count(self, lost: int) -> None:
        """What the engine has done since the last beat, and the leases that were not renewed."""
        batches, preempted = self._parts.engine.tally.take()
        counts: dict[str, float] = {}
        for size, forwards in batches.items():
            for name, value in observed(BATCH_SIZE, size, self._parts.model.id).items():
                counts[name] = counts.get(name, 0.0) + value * forwards
        counts |= {figure(PREEMPTIONS, reason): jobs for reason, jobs in preempted.items()}
        if lost:
            counts[figure(FENCES_REFUSED, "lease")] = lost
        if counts:
            await self._parts.stores.meter.add(counts)

    async def announce(self) -> None:
        """Say that the replica is there, and how it is. Raises StoreUnavailable."""
        self._parts.measurements.power.look(busy=bool(self._replica.attempts))
        self._parts.engine.look_at_memory()
        await self._parts.stores.jobs.announce(self.info(), ttl_s=3 * BEAT_S)

    def info(self) -> ReplicaInfo:
        """What the dispatcher and the planner are to know of the replica now."""
        parts, engine, running = self._parts, self._parts.engine, len(self._replica.attempts)
        overhead, pressure, gpu = parts.measurements.overhead, engine.pressure, parts.measurements.power.gpu
        return ReplicaInfo(
            replica=self._replica.name,
            pool=self._replica.pool,
            model=parts.model.id,
            # Who could not join is leased elsewhere.
            slots=parts.settings.slots if pressure.worst is Level.OK else max(1, running),
            running=running,
            step_s=engine.step_s,
            seen_at=parts.stores.clock(),
            memory_bytes=engine.held()[0],
            step_times=engine.step_times,
            leaving=self._replica.leaving,
            overhead_s=overhead.seconds,
            device_overhead_s=overhead.device_seconds,
            overheads=_summed(overhead.by_shape.items(), engine.begin_times),
            device_overheads=_summed(overhead.device_by_shape.items(), engine.begin_times),
            watts=parts.measurements.power.watts,
            gpu_use=gpu.use,
            gpu_memory_bytes=gpu.memory_bytes,
            gpu_memory_total_bytes=gpu.memory_total_bytes,
            host_memory=pressure.used.host,
            device_memory=pressure.used.device,
            pressure=pressure.worst.name.lower(),
            jobs=tuple(self._replica.attempts),
            reads=VERSION,
            takes=self._takes,
        )


def _summed(beside: Iterable[tuple[str, float]], begin: Mapping[str, float]) -> dict[str, float]:
    return {shape: seconds + begin.get(shape, 0.0) for shape, seconds in beside}
