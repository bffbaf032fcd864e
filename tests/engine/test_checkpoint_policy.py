from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import Frames, JobState
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.line.batcher import Rules
from app.types import Plan
from tests.engine.gate import Gate
from tests.engine.plans import Listener, hear, make_plan, walk


class Keeper(Listener):
    """A listener that is given checkpoints, too."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[int, bytes]] = []

    def checkpoint(self, state: JobState) -> None:
        self.kept.append((state.step, to_bytes(state)))


@pytest.fixture
def gate() -> Gate:
    return Gate()


def engine_of(gate: Gate, every: int = 0, share: float = 0.01, step_s: float = 1.0) -> Engine:
    rules = Rules(max_batch=4, slots=8, checkpoint_every=every, checkpoint_share=share)
    return Engine(FakeDenoiser(step_s, sleep=gate), rules, gate.clock)


@pytest.fixture
def engines() -> Iterator[list[Engine]]:
    made: list[Engine] = []
    yield made
    for engine in made:
        engine.close(20)


def undisturbed(plan: Plan) -> Frames:
    denoiser = FakeDenoiser()
    state = denoiser.start("a", plan, hear(denoiser, plan))
    walk(denoiser, state)
    return denoiser.decode(state)


def test_a_job_gives_a_checkpoint_every_so_many_steps_and_none_when_done(gate: Gate, engines: list[Engine]) -> None:
    engines.append(engine_of(gate, every=3))
    gate.release()
    heard = Keeper()
    engines[0].submit("a", make_plan(steps=9), heard)
    heard.wait()
    assert [step for step, _ in heard.kept] == [3, 6]


def test_checkpoints_take_no_more_than_their_share_of_the_device_time(gate: Gate, engines: list[Engine]) -> None:
    engines.append(engine_of(gate, share=0.01, step_s=1.0))
    engines[0].checkpoint_cost(0.05)  # earned by five steps of a second
    gate.release()
    heard = Keeper()
    engines[0].submit("a", make_plan(steps=16), heard)
    heard.wait()
    assert [step for step, _ in heard.kept] == [5, 10, 15]


def test_the_first_checkpoint_comes_at_once_to_learn_what_one_costs(gate: Gate, engines: list[Engine]) -> None:
    engines.append(engine_of(gate))
    heard = Keeper()
    engines[0].submit("a", make_plan(steps=8), heard)
    gate.wait()
    gate.let(1)
    gate.wait()  # the second step is under way: the first has given its checkpoint
    assert [step for step, _ in heard.kept] == [1]
    engines[0].checkpoint_cost(1000.0)
    gate.release()
    heard.wait()
    assert [step for step, _ in heard.kept] == [1]


@pytest.mark.parametrize("budget", [9, 4])
@pytest.mark.parametrize("sampler", ["euler", "unipc"])
def test_a_job_goes_on_from_its_checkpoint_in_another_engine(
    gate: Gate, engines: list[Engine], budget: int, sampler: str
) -> None:
    plan = make_plan(steps=9, budget=budget, sampler=sampler)
    engines += [engine_of(gate, every=2), engine_of(gate)]
    gate.release()
    first, second = Keeper(), Keeper()
    engines[0].submit("a", plan, first)
    first.wait()
    step, data = first.kept[1]
    engines[1].submit("a", plan, second, checkpoint=data)
    second.wait()
    assert second.steps == list(range(step, 10)) or second.steps[0] == step
    assert second.measured.resumed_from_step == step
    assert second.phases[0].value == "denoising"  # nothing is encoded again
    assert np.array_equal(second.frames, undisturbed(plan))


def test_a_checkpoint_before_a_forecast_step_is_gone_on_from_without_a_forward(
    gate: Gate, engines: list[Engine]
) -> None:
    plan = make_plan(steps=9, budget=3)
    denoiser = FakeDenoiser()
    state = denoiser.start("a", plan, hear(denoiser, plan))
    walk(denoiser, state, until=2)
    assert state.forecast
    engines.append(engine_of(gate))
    gate.release()
    heard = Keeper()
    engines[0].submit("a", plan, heard, checkpoint=to_bytes(state))
    assert np.array_equal(heard.wait().frames, undisturbed(plan))


def test_a_checkpoint_that_does_not_fit_is_passed_over(gate: Gate, engines: list[Engine]) -> None:
    plan = make_plan(steps=4)
    engines.append(engine_of(gate))
    gate.release()
    heard = Keeper()
    engines[0].submit("a", plan, heard, checkpoint=b"not a checkpoint")
    assert np.array_equal(heard.wait().frames, undisturbed(plan))
    assert heard.measured.resumed_from_step is None


def test_an_engine_that_closes_hands_out_a_last_checkpoint_of_every_job(gate: Gate, engines: list[Engine]) -> None:
    plan = make_plan(steps=50)
    engine = engine_of(gate, every=40)
    heard = Keeper()
    engine.submit("a", plan, heard)
    for _ in range(3):
        gate.wait()
        gate.let(1)
    gate.wait()
    gate.free = True
    engine.close(0)
    gate.release()
    heard.wait()
    engine.close(20)
    assert heard.error is not None
    assert heard.error.code == "cancelled"
    assert heard.kept[-1][0] >= 3
    engines.append(engine_of(gate))
    again = Keeper()
    engines[0].submit("a", plan, again, checkpoint=heard.kept[-1][1])
    assert np.array_equal(again.wait().frames, undisturbed(plan))
