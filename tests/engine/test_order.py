from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.engine.denoiser import Frames, JobState
from app.engine.fake import RUNS_OUT, FakeDenoiser
from app.engine.loop import Engine
from app.engine.memory.state import move_state, state_bytes
from app.errors import Cancelled, DeviceOutOfMemory, InvalidRequest, TimedOut
from app.line.batcher import Rules, Urgency
from app.types import ModelProfile, Phase
from tests.engine.gate import Gate
from tests.engine.plans import TINY, Listener, hear, make_plan, walk
from tests.engine.test_loop import alone

MODEL = ModelProfile("tiny", "fake", "1", ((8, 8),), (5,), (8, 8), 5, 8, 3.0, 3.0)
SHAPE = (TINY.frames, TINY.height, TINY.width)
ONE = Rules(max_batch=1, slots=1)


class GatedEngine:
    """An engine of which each forward takes a second of its own clock, and what it was asked."""

    def __init__(self, rules: Rules, holds: int | None = None) -> None:
        self.gate = Gate()
        self.denoiser = FakeDenoiser(step_s=1.0, sleep=self.gate, holds=holds)
        self.engine = Engine(self.denoiser, rules, clock=self.gate.clock)

    def submit(
        self,
        job_id: str,
        steps: int = 4,
        prompt: str = "one",
        priority: str = "normal",
        due_in_s: float | None = None,
        tenant: str = "",
    ) -> Listener:
        heard = Listener()
        urgency = self.engine.urgency(priority, due_in_s=due_in_s, tenant=tenant)
        self.engine.submit(job_id, make_plan(prompt, steps), heard, urgency=urgency)
        return heard

    @property
    def forwards(self) -> str:
        return " ".join("".join(batch) for batch in self.denoiser.forwards)

    def close(self) -> None:
        self.gate.release()
        self.engine.close(20)


@pytest.fixture
def gated() -> Iterator[GatedEngine]:
    gated = GatedEngine(ONE)
    yield gated
    gated.close()


def test_an_urgent_job_pauses_a_running_one_which_then_goes_on_with_the_same_bits(gated: GatedEngine) -> None:
    long = gated.submit("a", 6)
    gated.gate.wait()
    urgent = gated.submit("b", 2, priority="high")
    gated.gate.release()
    assert np.array_equal(urgent.wait().frames, alone(make_plan("one", 2)))
    assert np.array_equal(long.wait().frames, alone(make_plan("one", 6)))
    assert gated.forwards == "a b b a a a a a"
    assert long.steps == [1, 2, 3, 4, 5, 6]
    assert long.phases == [Phase.ENCODING, Phase.DENOISING, Phase.DECODING]


def test_a_short_job_does_not_wait_for_a_long_one_that_has_time(gated: GatedEngine) -> None:
    long = gated.submit("a", 20)
    for _ in range(3):
        gated.gate.wait()
        gated.gate.let(1)
    gated.gate.wait()
    short = gated.submit("b", 2)
    gated.gate.release()
    assert short.wait().error is None
    assert long.wait().error is None
    assert gated.forwards.startswith("a a a a b b a")


def test_a_job_whose_deadline_is_near_overtakes_those_who_have_time(gated: GatedEngine) -> None:
    first = gated.submit("a", 3)
    gated.gate.wait()
    late, pressed = gated.submit("b", 3), gated.submit("c", 3, due_in_s=8.0)
    gated.gate.release()
    for heard in (first, late, pressed):
        assert heard.wait().error is None
    assert gated.forwards == "a a a c c c b b b"


@pytest.mark.parametrize("place", ["running", "waiting", "paused"])
@pytest.mark.parametrize("why", ["deadline", "stop"])
def test_a_job_ends_within_a_step_wherever_it_is(gated: GatedEngine, place: str, why: str) -> None:
    due_in_s = 2.0 if why == "deadline" else None
    other = gated.submit("x", 9, priority="high") if place == "waiting" else None
    if other:
        gated.gate.wait()
    heard = gated.submit("a", 9, due_in_s=due_in_s)
    if not other:
        gated.gate.wait()
    if place == "paused":
        other = gated.submit("x", 9, priority="high")
    gated.gate.let(1)
    gated.gate.wait()
    if why == "stop":
        gated.engine.stop("a")
    gated.gate.let(1)
    assert isinstance(heard.wait().error, TimedOut if why == "deadline" else Cancelled)
    assert gated.forwards.count("a") == {"running": 2, "waiting": 0, "paused": 1}[place]
    gated.gate.release()
    assert other is None or other.wait().error is None


def test_a_job_that_is_late_when_it_comes_never_starts(gated: GatedEngine) -> None:
    heard = Listener()
    gated.engine.submit("a", make_plan(), heard, urgency=Urgency(deadline=0.0))
    assert isinstance(heard.wait().error, TimedOut)
    assert heard.phases == []


def test_there_are_no_other_priorities(gated: GatedEngine) -> None:
    with pytest.raises(InvalidRequest, match="low, normal, high"):
        gated.engine.urgency("highest")


def test_after_an_out_of_memory_each_job_is_tried_alone_and_batches_stay_smaller() -> None:
    gated = GatedEngine(Rules(max_batch=4, slots=8), holds=2)
    first = gated.submit("x", 1)
    gated.gate.wait()
    jobs = [gated.submit(name, 6) for name in "abcd"]
    gated.gate.release()
    for heard in (first, *jobs):
        assert heard.wait().error is None
    tried = [len(batch) for batch in gated.denoiser.forwards]
    assert tried[:3] == [1, 2, 3]
    assert tried[3:6] == [1, 1, 1]
    assert max(tried[6:]) == 1  # half of three
    assert gated.engine.profile.limits == {SHAPE: 1}
    assert gated.engine.healthy()
    gated.close()


def test_a_job_that_never_fits_fails_alone_after_one_more_try() -> None:
    gated = GatedEngine(Rules(max_batch=2, slots=4))
    bad = gated.submit("b", 3, RUNS_OUT)
    assert gated.engine.profile.limits == {}
    gated.gate.wait()
    good = gated.submit("g", 3)
    gated.gate.release()
    assert isinstance(bad.wait().error, DeviceOutOfMemory)
    assert np.array_equal(good.wait().frames, alone(make_plan("one", 3)))
    assert gated.forwards == "b b g g g"
    assert gated.engine.profile.limits == {SHAPE: 1}
    gated.close()


def test_an_out_of_memory_sends_paused_jobs_to_host_memory_and_they_come_back_the_same(gated: GatedEngine) -> None:
    long = gated.submit("a", 5)
    gated.gate.wait()
    bad = gated.submit("b", 2, RUNS_OUT, priority="high")
    gated.gate.release()
    assert bad.wait().error is not None
    assert np.array_equal(long.wait().frames, alone(make_plan("one", 5)))


def test_batches_of_a_size_that_gains_nothing_are_not_formed() -> None:
    gate = Gate()
    gate.free = True

    class Saturated(FakeDenoiser):
        def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
            gate.now += len(states) - 1
            return super().predict(states)

    denoiser = Saturated(step_s=1.0, sleep=gate)
    engine = Engine(denoiser, Rules(max_batch=4, slots=4), clock=gate.clock)
    engine.warm_up(MODEL)
    rehearsed = len(denoiser.forwards)
    jobs = [Listener() for _ in range(4)]
    for place, heard in enumerate(jobs):
        engine.submit(f"{place}", make_plan(steps=3), heard)
    assert all(heard.wait().error is None for heard in jobs)
    engine.close(20)
    assert {len(batch) for batch in denoiser.forwards[rehearsed:]} == {1}


def test_the_watchdog_reports_a_step_that_takes_too_long(gated: GatedEngine) -> None:
    gated.gate.free = True
    gated.engine.warm_up(MODEL)
    gated.gate.free = False
    while gated.gate.reached.acquire(blocking=False):
        pass
    heard = gated.submit("a", 3)
    gated.gate.wait()
    begun = gated.gate.now
    assert gated.engine.stuck_s(begun + 60.0) == 0
    assert gated.engine.stuck_s(begun + 65.0) == 5
    assert gated.engine.healthy()
    gated.gate.now += 65.0
    assert not gated.engine.healthy()
    gated.gate.release()
    assert heard.wait().error is None
    assert gated.engine.healthy()


def test_the_first_step_of_a_shape_may_take_longer(gated: GatedEngine) -> None:
    gated.submit("a", 3)
    gated.gate.wait()
    assert gated.engine.stuck_s(600.0) == 0
    assert gated.engine.stuck_s(601.0) == 1


class Looker(Listener):
    """A sink that also sees previews."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, NDArray[np.uint8]]] = []

    def preview(self, frame: NDArray[np.uint8]) -> None:
        self.seen.append((self.steps[-1], frame))


class Dear(FakeDenoiser):
    """A denoiser whose previews take as long as `preview_s`."""

    def __init__(self, gate: Gate, preview_s: float) -> None:
        super().__init__(step_s=1.0, sleep=gate)
        self._gate = gate
        self._preview_s = preview_s

    def preview(self, state: JobState) -> Frames:
        self._gate.now += self._preview_s
        return super().preview(state)


@pytest.mark.parametrize(("preview_s", "steps"), [(0.0, [3, 6, 9]), (0.15, [3, 8])])
def test_previews_come_every_so_many_steps_or_as_often_as_they_may_cost(preview_s: float, steps: list[int]) -> None:
    gate = Gate()
    gate.free = True
    engine = Engine(Dear(gate, preview_s), ONE, clock=gate.clock)
    heard, deaf = Looker(), Listener()
    engine.submit("a", make_plan(steps=11), heard, preview_every=3)
    heard.wait()
    assert [step for step, _ in heard.seen] == steps
    assert all(frame.shape == (8, 8, 3) and frame.dtype == np.uint8 for _, frame in heard.seen)
    engine.submit("b", make_plan(steps=11), deaf, preview_every=3)
    assert np.array_equal(deaf.wait().frames, heard.frames)
    engine.close(20)


def test_a_state_moves_with_all_its_tensors_and_comes_back_the_same() -> None:
    denoiser = FakeDenoiser()
    plan = make_plan(steps=6)
    state, other = (denoiser.start("a", plan, hear(denoiser, plan)) for _ in range(2))
    walk(denoiser, state, until=3)
    walk(denoiser, other, until=3)
    assert move_state(state, "meta") == torch.device("cpu")
    tensors = [state.latent, *state.conditioning.prompt.values(), *(seen.velocity for seen in state.history)]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert state_bytes(state) == state_bytes(other) == 4 * (3 * 3 * 5 * 8 * 8 + 2 * 3)
    assert replace(other, latent=state.latent, conditioning=state.conditioning, history=state.history) == state


def test_a_tenant_short_of_its_share_takes_a_slot_at_the_next_boundary_and_then_every_second_forward() -> None:
    gated = GatedEngine(Rules(max_batch=1, slots=2, weights={"paying": 1.0}))
    try:
        many = [gated.submit(name, 6, tenant="many") for name in "ab"]
        gated.gate.wait()
        single = gated.submit("x", 4, tenant="paying")
        gated.gate.release()
        assert np.array_equal(single.wait().frames, alone(make_plan("one", 4)))
        for heard in many:
            assert np.array_equal(heard.wait().frames, alone(make_plan("one", 6))), "also the one that was paused"
        after = gated.forwards.replace(" ", "")[1:]
        assert after.index("x") <= 1
        assert after.rindex("x") <= 8, "four of its forwards beside four of the other tenant's"
    finally:
        gated.close()


def test_a_job_that_becomes_more_urgent_pauses_another_at_the_next_step(gated: GatedEngine) -> None:
    long = gated.submit("a", 4)
    gated.gate.wait()
    waits = gated.submit("b", 2, priority="low")
    gated.engine.reprioritise("b", "high")
    gated.engine.reprioritise("nobody", "high")
    gated.engine.reprioritise("a", "no class")
    gated.gate.release()
    assert np.array_equal(waits.wait().frames, alone(make_plan("one", 2)))
    assert np.array_equal(long.wait().frames, alone(make_plan("one", 4)))
    assert gated.forwards == "a b b a a a"


def test_a_job_that_becomes_less_urgent_lets_others_go_first(gated: GatedEngine) -> None:
    long = gated.submit("a", 4, priority="high")
    gated.gate.wait()
    other = gated.submit("b", 2)
    gated.engine.reprioritise("a", "low")
    gated.gate.release()
    assert long.wait().error is None
    assert other.wait().error is None
    assert gated.forwards == "a b b a a a"
