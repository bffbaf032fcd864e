from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from app.engine.timing.power import GpuReading, Power
from app.jobs.record import VERSION
from app.types import Failure, Lease
from app.worker.heartbeat import Heartbeat
from app.worker.parts import Measurements
from app.worker.step_profile import StepProfile
from tests.api.house import MODEL
from tests.worker.workplace import Workplace

pytestmark = pytest.mark.anyio


@dataclass
class Holder:
    """An attempt that only holds its lease."""

    lease: Lease | None
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True


@dataclass
class Alive:
    """A replica that does nothing but live."""

    name: str = "replica01"
    pool: str = "main"
    leaving: bool = False
    attempts: dict[str, Holder] = field(default_factory=dict)


async def test_leases_are_renewed_and_whoever_has_lost_its_own_is_stopped(workplace: Callable[..., Workplace]) -> None:
    here = workplace(lease_s=30.0)
    (kept, fence), (lost, old) = await here.leased(), await here.leased()
    await here.stores.jobs.cancel(lost.id, None, Failure("cancelled", ""), here.time.unix())
    holders = {
        kept.id: Holder(Lease(kept.id, fence, "main", 0.0)),
        lost.id: Holder(Lease(lost.id, old, "main", 0.0)),
        "video_00000000": Holder(None),  # it has not read its job yet
    }
    heartbeat = Heartbeat(Alive(attempts=holders), here.parts, StepProfile("p", here.stores.board, here.engine))
    here.time.advance(5.0)
    await heartbeat.beat()
    assert [lease.until for lease in await here.stores.jobs.leases()] == [here.time.unix() + 30.0]
    assert [holder.stopped for holder in holders.values()] == [False, True, False]


async def test_it_says_how_long_jobs_take_beside_their_steps(workplace: Callable[..., Workplace]) -> None:
    here = workplace()
    here.parts.measurements.overhead.learn("5x64x64", 3.0, {"denoise": 1.0, "decode": 0.5})
    heartbeat = Heartbeat(Alive(), here.parts, StepProfile("p", here.stores.board, here.engine))
    info = heartbeat.info()
    assert (info.overhead_s, info.device_overhead_s, info.overheads) == (2.0, 0.5, {"5x64x64": 2.0})


async def test_it_says_what_it_reads_and_takes(workplace: Callable[..., Workplace]) -> None:
    here = workplace()
    parts = replace(here.parts, model=replace(MODEL, takes_image=True))
    info = Heartbeat(Alive(), parts, StepProfile("p", here.stores.board, here.engine)).info()
    assert (info.reads, info.takes) == (VERSION, ("image as first", "sampler euler", "sampler unipc"))


async def test_a_beat_sends_what_the_engine_has_counted_since_the_last(workplace: Callable[..., Workplace]) -> None:
    here = workplace()
    (lost, old), tally = await here.leased(), here.engine.tally
    await here.stores.jobs.cancel(lost.id, None, Failure("cancelled", ""), here.time.unix())
    held = {lost.id: Holder(Lease(lost.id, old, "main", 0.0))}
    heartbeat = Heartbeat(Alive(attempts=held), here.parts, StepProfile("p", here.stores.board, here.engine))
    for jobs in (1, 4, 4):
        tally.forward(jobs)
    tally.preempted("urgent", 2)
    await heartbeat.beat()
    figures = await here.stores.meter.read()
    assert (figures["batch_size/le=4:shapes"], figures["batch_size/sum:shapes"]) == (2, 9)
    assert (figures["preemptions:urgent"], figures["fences_refused:lease"]) == (2, 1)
    heartbeat = Heartbeat(Alive(), here.parts, StepProfile("p", here.stores.board, here.engine))
    await heartbeat.beat()
    assert await here.stores.meter.read() == figures


async def test_a_replica_says_how_its_gpu_is(workplace: Callable[..., Workplace]) -> None:
    here = workplace()
    power = Power(lambda: GpuReading(300.0, 0.8, 10, 20))
    parts = replace(here.parts, measurements=Measurements(here.parts.measurements.overhead, power))
    await Heartbeat(Alive(), parts, StepProfile("p", here.stores.board, here.engine)).beat()
    (told,) = await here.stores.jobs.replicas()
    assert (told.gpu_use, told.gpu_memory_bytes, told.gpu_memory_total_bytes, told.watts) == (0.8, 10, 20, None)
