from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from app.engine.denoiser import TOKENS, Conditioning, DeviceLost, Frames, JobState
from app.engine.embedding import Embedding
from app.engine.fake import DECODES_BADLY, LOSES_DEVICE, RAISES, TURNS_NAN, FakeDenoiser
from app.engine.loop import Engine
from app.errors import Cancelled, GenerationError, NumericalError, WorkerLost
from app.line.batcher import Rules
from app.types import ModelProfile, Phase, Plan, StudentOfModel, VideoSpec
from tests.engine.gate import Gate
from tests.engine.plans import Listener, hear, make_plan, walk


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def denoiser(gate: Gate) -> FakeDenoiser:
    return FakeDenoiser(sleep=gate)


@pytest.fixture
def engine(denoiser: FakeDenoiser, gate: Gate) -> Iterator[Engine]:
    engine = Engine(denoiser, Rules(max_batch=4, slots=8))
    yield engine
    gate.release()
    engine.close(20)
    assert not engine.healthy()


def alone(plan: Plan) -> Frames:
    """What a plan gives without an engine."""
    denoiser = FakeDenoiser()
    state = denoiser.start("alone", plan, hear(denoiser, plan))
    walk(denoiser, state)
    return denoiser.decode(state)


def test_a_job_goes_from_noise_to_frames_and_says_what_it_cost(engine: Engine, gate: Gate) -> None:
    gate.release()
    heard = Listener()
    engine.submit("a", make_plan(steps=6, budget=4), heard)
    heard.wait()
    assert heard.phases == [Phase.ENCODING, Phase.DENOISING, Phase.DECODING]
    assert heard.steps == [1, 2, 3, 4, 5, 6]
    assert heard.etas_s[-1] == 0
    assert np.array_equal(heard.frames, alone(make_plan(steps=6, budget=4)))
    assert heard.measured.evaluations == 4
    assert set(heard.measured.stages_s) == {"queue", "encode", "denoise", "decode"}
    assert heard.measured.device_seconds > 0
    assert heard.measured.peak_memory_bytes


def test_jobs_with_different_step_counts_share_forwards(engine: Engine, gate: Gate, denoiser: FakeDenoiser) -> None:
    heard = {name: Listener() for name in ("a", "b")}
    engine.submit("a", make_plan("one", 3), heard["a"])
    gate.wait()
    engine.submit("b", make_plan("two", 5, seed=1), heard["b"])
    gate.release()
    assert np.array_equal(heard["a"].wait().frames, alone(make_plan("one", 3)))
    assert np.array_equal(heard["b"].wait().frames, alone(make_plan("two", 5, seed=1)))
    assert denoiser.forwards == [("a",), ("a", "b"), ("a", "b"), ("b",), ("b",), ("b",)]


def test_a_deterministic_job_shares_no_forward(engine: Engine, gate: Gate, denoiser: FakeDenoiser) -> None:
    heard = {name: Listener() for name in ("a", "b", "c")}
    for number, (name, sink) in enumerate(heard.items()):
        engine.submit(name, make_plan(name, 4, seed=number, deterministic=name == "a"), sink)
    gate.release()
    for sink in heard.values():
        sink.wait()
    assert {forward for forward in denoiser.forwards if "a" in forward} == {("a",)}
    assert ("b", "c") in denoiser.forwards


def test_forecast_steps_take_no_forward(engine: Engine, gate: Gate, denoiser: FakeDenoiser) -> None:
    gate.release()
    heard = Listener()
    engine.submit("a", make_plan(steps=9, budget=3), heard)
    assert heard.wait().steps[-1] == 9
    assert len(denoiser.forwards) == 3


def test_embeddings_from_outside_are_used_as_they_are(engine: Engine, gate: Gate) -> None:
    gate.release()
    prompt, negative = engine.encode(["one", ""]).result(20)
    heard = Listener()
    engine.submit("a", make_plan("another", 3), heard, prompt, negative)
    assert np.array_equal(heard.wait().frames, alone(make_plan("one", 3)))
    assert heard.phases == [Phase.DENOISING, Phase.DECODING]
    assert "encode" not in heard.measured.stages_s


def test_a_stopped_job_leaves_within_one_step(engine: Engine, gate: Gate, denoiser: FakeDenoiser) -> None:
    heard, other = Listener(), Listener()
    engine.submit("a", make_plan(steps=50), heard)
    gate.wait()
    engine.submit("b", make_plan(steps=2), other)
    engine.stop("a")
    gate.let(1)
    heard.wait()
    gate.release()
    other.wait()
    assert isinstance(heard.error, Cancelled)
    assert denoiser.forwards == [("a",), ("b",), ("b",)]
    assert other.error is None


def test_a_stopped_job_that_waits_never_starts(gate: Gate, denoiser: FakeDenoiser) -> None:
    engine = Engine(denoiser, Rules(max_batch=1, slots=1))
    first, second = Listener(), Listener()
    engine.submit("a", make_plan(steps=50), first)
    gate.wait()
    engine.submit("b", make_plan(), second)
    engine.stop("b")
    gate.let(1)
    assert isinstance(second.wait().error, Cancelled)
    assert second.phases == []
    gate.release()
    engine.close(20)
    assert isinstance(first.wait().error, Cancelled)


@pytest.mark.parametrize(("trouble", "error"), [(RAISES, GenerationError), (TURNS_NAN, NumericalError)])
def test_a_failing_job_fails_alone(
    engine: Engine, gate: Gate, denoiser: FakeDenoiser, trouble: str, error: type[GenerationError]
) -> None:
    blocker, good, bad = Listener(), Listener(), Listener()
    engine.submit("x", make_plan(steps=1), blocker)
    gate.wait()
    engine.submit("bad", make_plan(trouble), bad)
    engine.submit("good", make_plan("one", 4), good)
    gate.release()
    assert isinstance(bad.wait().error, error)
    assert np.array_equal(good.wait().frames, alone(make_plan("one", 4)))
    assert engine.healthy()


def test_a_failing_decoder_fails_its_job_only(engine: Engine, gate: Gate) -> None:
    gate.release()
    bad, good = Listener(), Listener()
    engine.submit("bad", make_plan(DECODES_BADLY), bad)
    engine.submit("good", make_plan(), good)
    assert bad.wait().error is not None
    assert good.wait().error is None


def test_a_sink_that_raises_loses_its_job_only(engine: Engine, gate: Gate) -> None:
    class Deaf(Listener):
        def step(self, step: int, total: int, eta_s: float) -> None:
            raise RuntimeError("The event loop is closed.")

    gate.release()
    deaf, good = Deaf(), Listener()
    engine.submit("deaf", make_plan(), deaf)
    engine.submit("good", make_plan(), good)
    assert good.wait().error is None
    assert deaf.wait().error is not None


class Unstartable(FakeDenoiser):
    def start(self, job_id: str, plan: Plan, conditioning: Conditioning) -> JobState:
        raise DeviceLost("The fake device is gone.")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("denoiser", [FakeDenoiser(), Unstartable()])
def test_a_lost_device_fails_all_jobs_and_the_engine_says_so(denoiser: FakeDenoiser) -> None:
    engine = Engine(denoiser, Rules(max_batch=4, slots=4))
    heard = Listener()
    engine.submit("a", make_plan(LOSES_DEVICE), heard)
    assert isinstance(heard.wait().error, WorkerLost)
    engine.close(20)
    assert not engine.healthy()
    with pytest.raises(WorkerLost):
        engine.submit("b", make_plan(), heard)


def test_a_second_attempt_at_a_job_replaces_the_first(engine: Engine, gate: Gate) -> None:
    first, second = Listener(), Listener()
    engine.submit("a", make_plan(steps=50), first)
    gate.wait()
    engine.submit("a", make_plan("one", 3), second)
    gate.release()
    assert isinstance(first.wait().error, Cancelled)
    assert np.array_equal(second.wait().frames, alone(make_plan("one", 3)))


def test_a_stop_reaches_the_attempt_that_replaced_another(engine: Engine, gate: Gate) -> None:
    first, second = Listener(), Listener()
    engine.submit("a", make_plan(steps=50), first)
    gate.wait()
    engine.submit("a", make_plan(steps=50), second)
    gate.let(1)
    first.wait()
    gate.wait()
    engine.stop("a")
    gate.let(1)
    assert isinstance(second.wait().error, Cancelled)


def test_different_shapes_take_turns(gate: Gate) -> None:
    denoiser = FakeDenoiser(step_s=1.0, sleep=gate)
    engine = Engine(denoiser, Rules(max_batch=2, slots=4), clock=gate.clock)
    heard = [Listener() for _ in range(3)]
    engine.submit("x", make_plan(steps=1), heard[0])
    gate.wait()
    engine.submit("a", make_plan(steps=3), heard[1])
    engine.submit("b", make_plan(steps=3, spec=VideoSpec(4, 4, 5, 8)), heard[2])
    gate.release()
    assert all(listener.wait().error is None for listener in heard)
    engine.close(20)
    assert denoiser.forwards == [("x",), ("b",), ("a",), ("b",), ("a",), ("b",), ("a",)]


def test_the_eta_is_the_evaluations_to_come_times_the_step_time() -> None:
    now = [0.0]

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    engine = Engine(FakeDenoiser(step_s=2.0, sleep=pass_time), Rules(max_batch=1, slots=2), clock=lambda: now[0])
    heard = Listener()
    engine.submit("a", make_plan(steps=5, budget=3), heard)
    assert heard.wait().etas_s == [4, 4, 2, 2, 0]
    assert heard.measured.stages_s["denoise"] == 6
    assert heard.measured.device_seconds == 6
    engine.close(20)


def test_only_a_job_that_had_the_device_to_itself_tells_what_a_whole_job_takes(gate: Gate) -> None:
    engine = Engine(FakeDenoiser(step_s=1.0, sleep=gate), Rules(max_batch=1, slots=2), clock=gate.clock)
    heard = [Listener() for _ in range(3)]
    for name in (0, 1):
        engine.submit(str(name), make_plan(steps=3), heard[name])
    gate.let(6)
    assert heard[0].wait().error is heard[1].wait().error is None
    assert engine.step_times == {"5x8x8": 1.0}  # two beside each other took twice as long, which says nothing
    gate.release()
    engine.submit("2", make_plan(steps=3), heard[2])
    assert heard[2].wait().error is None
    engine.close(20)
    assert (engine.step_times, engine.begin_times) == ({"5x8x8": 1.0}, {"5x8x8": 0.0})


def test_a_students_steps_take_half_a_guided_step_and_teach_nothing_of_those() -> None:
    now = [0.0]

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    engine = Engine(FakeDenoiser(step_s=2.0, sleep=pass_time), Rules(max_batch=1, slots=2), clock=lambda: now[0])
    plain, taught = Listener(), Listener()
    engine.submit("a", make_plan(steps=3), plain)
    assert plain.wait().error is None
    known = engine.times
    student = StudentOfModel("one", (1.0, 0.75, 0.5, 0.25))
    engine.submit("b", replace(make_plan(steps=4, guidance=1.0), student=student), taught)
    assert taught.wait().etas_s == [3, 2, 1, 0]
    assert engine.times == known
    engine.close(20)


def test_the_warm_up_measures_every_batch_size(engine: Engine, gate: Gate) -> None:
    gate.release()
    model = ModelProfile("tiny", "fake", "1", ((8, 8),), (5,), (8, 8), 5, 8, 3.0, 3.0)
    assert engine.step_s == 0
    assert engine.warm_up(model) == engine.step_s > 0
    assert sorted(engine.times) == [((5, 8, 8), batch) for batch in (1, 2, 3, 4)]


def test_closing_ends_every_job_as_cancelled_and_takes_no_more(gate: Gate, denoiser: FakeDenoiser) -> None:
    engine = Engine(denoiser, Rules(max_batch=1, slots=1))
    heard = [Listener(), Listener()]
    for place, listener in enumerate(heard):
        engine.submit(f"{place}", make_plan(steps=50), listener)
    gate.wait()
    gate.release()
    engine.close(20)
    assert all(isinstance(listener.wait().error, Cancelled) for listener in heard)
    with pytest.raises(WorkerLost):
        engine.encode(["one"])


class Reader(Listener):
    """A listener that also wants the embeddings."""

    def encoded(self, prompt: Embedding, negative: Embedding, took_s: float) -> None:
        self.texts = prompt, negative


def test_a_job_that_comes_without_embeddings_tells_what_was_made_of_its_prompts(engine: Engine, gate: Gate) -> None:
    gate.release()
    plan, heard = make_plan(steps=2), Reader()
    engine.submit("a", plan, heard)
    heard.wait()
    assert [set(text) for text in heard.texts] == [{TOKENS}, {TOKENS}]
    again = Reader()
    engine.submit("b", plan, again, *heard.texts)
    assert np.array_equal(again.wait().frames, heard.frames)
    assert not hasattr(again, "texts")
