from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from app.engine.checkpoint import from_bytes, to_bytes
from app.engine.denoiser import JobState
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.memory.pressure import FixedMemory, MachineMemory, MemoryMonitor, container_share
from app.errors import Cancelled
from app.line.batcher import Rules
from app.line.pressure import Level, Limits, Used
from tests.engine.gate import Gate
from tests.engine.plans import Listener, make_plan
from tests.engine.test_loop import alone

OK, WARNING, CRITICAL = 0.1, 0.85, 0.95
LIMITS = Limits(0.8, 0.9, 0.05)


class Keeps(Listener):
    """A sink that also keeps its last checkpoint."""

    state: JobState | None = None

    def checkpoint(self, state: JobState) -> None:
        self.state = state


class House:
    """An engine whose memory is as full as one says."""

    def __init__(self) -> None:
        self.gate, self.memory = Gate(), FixedMemory(Used(OK))
        self.denoiser = FakeDenoiser(sleep=self.gate)
        monitor = MemoryMonitor(self.memory, LIMITS, LIMITS, self.gate.clock, every_s=0.0)
        self.engine = Engine(self.denoiser, Rules(max_batch=4, slots=8), self.gate.clock, monitor)

    def submit(self, job_id: str, steps: int = 4) -> Keeps:
        heard = Keeps()
        self.engine.submit(job_id, make_plan(job_id, steps), heard)
        return heard


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.gate.release()
    house.engine.close(20)


def test_at_warning_a_new_job_waits_for_the_one_under_way(house: House) -> None:
    first = house.submit("a", 3)
    house.gate.wait()
    house.memory.used = Used(OK, WARNING)
    second = house.submit("b", 2)
    house.gate.release()
    assert first.wait().error is None
    assert second.wait().error is None
    assert ("a", "b") not in house.denoiser.forwards
    assert house.engine.pressure.device is Level.WARNING


def test_a_full_host_checkpoints_the_least_urgent_job_and_hands_it_back(house: House) -> None:
    first = house.submit("a")
    house.gate.wait()
    second = house.submit("b")
    house.gate.let(1)
    house.gate.wait()  # both are in this forward
    house.memory.used = Used(CRITICAL)
    house.gate.release()
    assert isinstance(second.wait().error, Cancelled)
    assert first.wait().error is None
    assert second.state is not None
    assert second.state.step == 1
    kept = from_bytes(to_bytes(second.state), make_plan("b"))
    assert torch.equal(kept.latent, second.state.latent)


def test_a_full_device_pauses_one_job_which_ends_with_the_same_frames_when_there_is_room(house: House) -> None:
    first = house.submit("a")
    house.gate.wait()
    second = house.submit("b")
    house.gate.let(1)
    house.gate.wait()
    house.memory.used = Used(OK, CRITICAL)
    house.gate.let(1)
    house.gate.wait()
    assert house.denoiser.forwards[-2:] == [("a", "b"), ("a",)]
    house.memory.used = Used(OK, OK)
    house.gate.release()
    assert first.wait().error is None
    assert np.array_equal(second.wait().frames, alone(make_plan("b")))


def test_a_full_host_holds_new_jobs_without_spinning_and_lets_them_in_when_there_is_room(
    house: House,
) -> None:
    house.gate.release()
    house.memory.used = Used(CRITICAL)
    heard, boundaries = house.submit("a", 2), house.engine._boundaries
    threading.Event().wait(0.6)
    assert not heard.steps
    assert next(boundaries) <= 6
    house.memory.used = Used(OK)
    assert heard.wait().error is None


def test_the_machines_own_memory_is_read_and_a_processor_has_no_other() -> None:
    used = MachineMemory(torch.device("cpu")).read()
    assert 0 < used.host < 1
    assert used.device is None


def test_a_containers_limit_counts_without_the_cache_that_can_go(tmp_path: Path) -> None:
    assert container_share(tmp_path) is None
    for name, text in {"max": "1000\n", "current": "900\n", "stat": "anon 500\ninactive_file 300\n"}.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert container_share(tmp_path) == pytest.approx(0.6)
    assert MachineMemory(torch.device("cpu"), tmp_path).read().host >= 0.6
    (tmp_path / "memory.max").write_text("max\n")
    assert container_share(tmp_path) is None


def worst(monitor: MemoryMonitor) -> Level:
    return monitor.now.worst


def test_memory_is_read_at_most_so_often() -> None:
    gate, memory = Gate(), FixedMemory(Used(0.95))
    monitor = MemoryMonitor(memory, LIMITS, LIMITS, gate.clock, every_s=1.0)
    assert monitor.look()
    assert worst(monitor) is Level.CRITICAL
    memory.used = Used(0.0)
    assert not monitor.look()
    assert worst(monitor) is Level.CRITICAL
    gate.now = 1.0
    assert monitor.look()
    assert worst(monitor) is Level.OK
