from __future__ import annotations

import math

from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.timing.pack_times import PackTimes
from app.engine.timing.step_times import StepTimes
from app.line.batcher import Rules
from app.line.packing import mix_of
from app.line.profile import Noted
from app.types import ModelProfile
from tests.engine.gate import Gate

SHORT, LONG = (5, 8, 8), (9, 8, 8)
MIX = mix_of([SHORT, LONG])


def test_a_mix_is_judged_after_three_times_by_the_least_of_them() -> None:
    times = PackTimes()
    for seconds in (3.0, 1.0, 2.0):
        assert not times.published.settled
        times.learn(MIX, seconds)
    assert times.published.times[MIX] == 1.0
    assert times.published.settled == {MIX}


def test_a_mix_long_not_formed_is_tried_anew_but_one_that_failed_is_not() -> None:
    times, failed = PackTimes(), mix_of([SHORT, LONG, LONG])
    times.learn(MIX, 1.0, settled=True)
    times.refuse(failed, memory=False)
    for _ in range(500):
        times.pass_by()
    assert times.published.settled == {failed}
    assert times.published.times[failed] == math.inf


def test_what_memory_refused_limits_all_that_are_as_large() -> None:
    times = StepTimes()
    times.refuse([SHORT, LONG], memory=True)
    assert times.profile.packed.limit == 14 * 64
    assert not times.packed


def test_a_replica_measures_its_shapes_packed_before_it_takes_jobs_unless_another_has() -> None:
    model = ModelProfile("m", "f", "r", ((8, 8),), (5, 9), (8, 8), 9, 8, guidance=3.0, shift=3.0)
    for known, expected in ((Noted(), {MIX: 1.0}), (Noted(packed={MIX: 7.0}), {MIX: 7.0})):
        gate = Gate()
        gate.release()
        denoiser = FakeDenoiser(1.0, gate, packs=True)
        engine = Engine(denoiser, Rules(max_batch=2, slots=2, pack=True), gate.clock)
        engine.adopt(known)
        engine.warm_up(model)
        assert engine.packed == expected
        engine.close(20)
