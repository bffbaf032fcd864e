from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from app.engine.fake import RUNS_OUT, FakeDenoiser
from app.engine.loop import Engine
from app.engine.memory.headroom import DeviceHeadroom, FixedHeadroom, Headroom, UnlimitedHeadroom
from app.engine.memory.pressure import FixedMemory
from app.engine.timing.step_times import warm_up_plan
from app.engine.timing.warm_up import measure_batches
from app.errors import DeviceOutOfMemory
from app.line.batcher import Rules
from app.line.pressure import Used
from app.line.profile import Noted, grows, noted, to_note
from app.types import ModelProfile, Refined
from tests.engine.plans import make_plan

MODEL = ModelProfile("tiny", "fake", "1", ((8, 8), (16, 8)), (5,), (8, 8), 5, 8, 3.0, 3.0)
SHAPE, WIDE = (5, 8, 8), (5, 8, 16)

SEES = """
import numpy as np, torch
from app.engine.memory.pressure import FixedMemory
from app.engine.memory.headroom import DeviceHeadroom
from app.line.pressure import Used
headroom = DeviceHeadroom(torch.device("cpu"), FixedMemory(Used(0.5)), warning=0.9)
headroom.begin(1)
block = np.ones(40 * 2**20, dtype=np.uint8)
del block
print(headroom.peak_bytes())
headroom.begin(2)
print(headroom.peak_bytes())
"""


def forwards(denoiser: FakeDenoiser) -> list[int]:
    """The batch sizes stepped, in order."""
    return list(dict.fromkeys(len(jobs) for jobs in denoiser.forwards))


def begin(denoiser: FakeDenoiser, headroom: Headroom | None = None, known: Noted | None = None) -> Engine:
    engine = Engine(denoiser, Rules(max_batch=8, slots=8), headroom=headroom)
    engine.adopt(known or Noted())
    engine.warm_up(MODEL)
    engine.close(20)
    return engine


def test_batches_grow_until_memory_runs_out() -> None:
    engine = begin(FakeDenoiser(holds=3), UnlimitedHeadroom())
    assert engine.limits == {SHAPE: (3, sys.maxsize), WIDE: (3, sys.maxsize)}
    assert engine.profile.limits == {SHAPE: 3, WIDE: 3}


def test_where_running_out_would_end_the_process_growth_stops_before_it() -> None:
    denoiser = FakeDenoiser()
    engine = begin(denoiser, FixedHeadroom(size_bytes=550, job_bytes=100))
    assert engine.limits == {SHAPE: (5, 550), WIDE: (5, 550)}
    assert max(forwards(denoiser)) == 5


def test_without_an_end_all_batch_sizes_are_measured_and_nothing_is_a_limit() -> None:
    denoiser = FakeDenoiser()
    assert begin(denoiser).limits == {}
    assert max(forwards(denoiser)) == 8


def test_the_next_replica_on_such_hardware_does_not_measure_it_again() -> None:
    first = begin(FakeDenoiser(holds=3), FixedHeadroom(1000, 1))
    denoiser = FakeDenoiser(holds=3)
    second = begin(denoiser, FixedHeadroom(1000, 1), noted(to_note(first.times, first.limits)))
    assert forwards(denoiser) == [1]
    assert second.limits == first.limits
    assert second.times.keys() == first.times.keys()


def test_a_limit_of_a_time_with_much_less_room_is_measured_anew() -> None:
    denoiser = FakeDenoiser()
    engine = begin(denoiser, FixedHeadroom(10_000, 100), Noted({}, {SHAPE: (2, 250)}))
    assert SHAPE not in engine.limits
    assert max(forwards(denoiser)) == 8


def test_a_model_that_does_not_fit_at_all_says_so() -> None:
    with pytest.raises(DeviceOutOfMemory):
        measure_batches(FakeDenoiser(), make_plan(RUNS_OUT), 4)


@pytest.mark.parametrize(
    ("held", "left", "fits"),
    [
        ([(1, 100)], 200, True),
        ([(1, 100)], 199, False),  # the second is thought to take as much as the first
        ([(1, 100), (2, 130)], 160, True),
        ([(1, 100), (2, 130)], 159, False),
        ([(1, 100), (4, 160)], 180, True),
        ([(1, 100), (2, 90)], 90, True),
    ],
)
def test_the_next_batch_is_thought_to_take_what_the_last_one_added(
    held: list[tuple[int, int]], left: int, fits: bool
) -> None:
    assert grows(held, left) is fits


def test_what_is_no_limit_in_a_note_is_passed_over() -> None:
    rows = [[[5, 8, 8], 3, 100], [[5, 8], 3, 100], [[5, 8, 8], 0, 1], "x", [[5, 8, 16], "a", 1], None]
    assert noted({"limits": rows}).limits == {SHAPE: (3, 100)}
    assert noted({}) == Noted({}, {})


def test_the_process_sees_what_a_batch_takes() -> None:
    # In a process of its own: what other tests have freed would be taken from this one's peak.
    ran = subprocess.run([sys.executable, "-c", SEES], capture_output=True, text=True, check=True)
    first, second = map(int, ran.stdout.split())
    assert 35 * 2**20 < first < 400 * 2**20
    assert second < 30 * 2**20


def test_what_is_left_ends_at_the_warning() -> None:
    headroom = DeviceHeadroom(torch.device("cpu"), FixedMemory(Used(0.5)), warning=0.9)
    assert headroom.left_bytes() > 0
    assert DeviceHeadroom(torch.device("cpu"), FixedMemory(Used(0.95)), warning=0.9).left_bytes() == 0


def test_the_first_stage_of_a_refined_model_is_measured_at_its_own_shape() -> None:
    engine = Engine(FakeDenoiser(), Rules(max_batch=1, slots=1))
    engine.warm_up(replace(MODEL, sizes=((16, 16),), refined=Refined(3)))
    engine.close(20)
    assert set(engine.step_times) == {"5x16x16", "5x8x8"}


def test_other_sizes_are_measured_at_their_own_shape() -> None:
    assert warm_up_plan(MODEL, (16, 8)).spec.size == "16x8"
    assert set(begin(FakeDenoiser()).times) == {(shape, batch) for shape in (SHAPE, WIDE) for batch in range(1, 9)}
