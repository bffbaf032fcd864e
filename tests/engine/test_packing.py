"""Jobs of several shapes in one forward, through the real engine and the real models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import Denoiser, JobState
from app.engine.fake import FakeDenoiser
from app.engine.families.embedded import load_denoiser
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.loop import Engine
from app.engine.sinks import Mate
from app.errors import Cancelled, DeviceOutOfMemory
from app.line.batcher import Rules
from app.line.packing import mix_of
from app.line.profile import Noted
from app.types import Plan, VideoSpec
from tests.engine.gate import Gate
from tests.engine.plans import Listener, hear, make_plan, walk

SHORT, LONG = VideoSpec(8, 8, 5, 8), VideoSpec(8, 8, 9, 8)
SHAPES = (5, 8, 8), (9, 8, 8)
KNOWN = Noted({(shape, size): 1.0 for shape in SHAPES for size in (1, 2)}, packed={mix_of(SHAPES): 1.0})
RULES = Rules(max_batch=4, slots=8, pack=True)


class Watching(FakeDenoiser):
    """Fails, if asked to, in forwards of several shapes."""

    error: Exception | None = None

    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        found = super().predict(states)
        if self.error is not None and len({state.shape for state in states}) > 1:
            raise self.error
        return found


class Accounting(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.mates: list[tuple[int, Sequence[Mate]]] = []

    def ran(self, batch: int, took_s: float, packed: Sequence[Mate] = ()) -> None:
        self.mates.append((batch, packed))

    def waits(self, cause: str, rival: str | None) -> None: ...

    def goes_on(self) -> None: ...


@pytest.fixture
def gate() -> Gate:
    return Gate()


def start(
    denoiser: Denoiser, gate: Gate, plans: Sequence[Plan], rules: Rules = RULES
) -> tuple[Engine, list[Accounting]]:
    """An engine that has them all, at the first one's first forward."""
    engine = Engine(denoiser, rules, gate.clock)
    engine.adopt(KNOWN)
    sinks = [Accounting() for _ in plans]
    engine.submit("0", plans[0], sinks[0])
    gate.wait()
    for number, (plan, sink) in enumerate(zip(plans[1:], sinks[1:], strict=True), 1):
        engine.submit(str(number), plan, sink)
    return engine, sinks


def alone(plan: Plan) -> Any:
    denoiser = FakeDenoiser()
    state = denoiser.start("alone", plan, hear(denoiser, plan))
    walk(denoiser, state)
    return denoiser.decode(state)


def test_two_shapes_share_a_forward_each_says_with_whom_and_pays_its_own_part(gate: Gate) -> None:
    denoiser = Watching(1.0, gate, packs=True)
    plans = [make_plan("one", 4, spec=SHORT), make_plan("two", 4, seed=1, spec=LONG)]
    engine, sinks = start(denoiser, gate, plans)
    gate.release()
    for sink, plan in zip(sinks, plans, strict=True):
        assert np.array_equal(sink.wait().frames, alone(plan))
    engine.close(20)
    assert sum(len(forward) == 2 for forward in denoiser.forwards) == 3
    assert sinks[0].mates[1] == (2, [Mate("1", SHAPES[1])])
    assert sinks[0].mates[0] == (1, ())
    spent = [sink.measured.device_seconds for sink in sinks]
    assert sum(spent) == pytest.approx(len(denoiser.forwards))


@pytest.mark.parametrize(
    ("packs", "deterministic", "pack"), [(False, False, True), (True, True, True), (True, False, False)]
)
def test_nothing_is_packed_that_cannot_or_must_not_be(gate: Gate, packs: bool, deterministic: bool, pack: bool) -> None:
    denoiser = Watching(1.0, gate, packs=packs)
    plans = [make_plan("one", 3, spec=SHORT), make_plan("two", 3, spec=LONG, deterministic=deterministic)]
    engine, sinks = start(denoiser, gate, plans, replace(RULES, pack=pack))
    gate.release()
    for sink in sinks:
        sink.wait()
    engine.close(20)
    assert {len(forward) for forward in denoiser.forwards} == {1}


def test_a_job_that_leaves_in_the_middle_leaves_the_others_as_they_are(gate: Gate) -> None:
    denoiser = Watching(1.0, gate, packs=True)
    plans = [make_plan("one", 6, spec=SHORT), make_plan("two", 6, budget=4, seed=1, spec=LONG)]
    engine, sinks = start(denoiser, gate, plans)
    gate.let(2)
    gate.wait()
    gate.wait()  # the first packed forward, and another under way
    engine.stop("0")
    gate.release()
    with pytest.raises(Cancelled):
        raise sinks[0].wait().error or AssertionError("it was not stopped")
    assert np.array_equal(sinks[1].wait().frames, alone(plans[1]))
    engine.close(20)


@pytest.mark.parametrize("error", [DeviceOutOfMemory("full"), RuntimeError("no such kernel")])
def test_a_packed_forward_that_fails_costs_no_job_and_is_not_made_again(gate: Gate, error: Exception) -> None:
    denoiser = Watching(1.0, gate, packs=True)
    denoiser.error = error
    plans = [make_plan("one", 5, spec=SHORT), make_plan("two", 5, spec=LONG)]
    engine, sinks = start(denoiser, gate, plans)
    gate.release()
    for sink, plan in zip(sinks, plans, strict=True):
        assert np.array_equal(sink.wait().frames, alone(plan))
    engine.close(20)
    assert sum(len(forward) == 2 for forward in denoiser.forwards) == 1


@pytest.fixture(scope="module")
def built_in() -> FamilyDenoiser:
    return load_denoiser("float32", threads=1)


def shaped(number: int, frames: int, **more: Any) -> Plan:
    return make_plan("a red ball rises", 5, seed=number, shift=12.0, spec=VideoSpec(128, 128, frames, 8), **more)


def test_the_built_in_models_frames_are_the_same_packed_with_masks_guidance_previews_and_a_resume(
    built_in: FamilyDenoiser,
) -> None:
    plans = [shaped(0, 9), shaped(1, 13, guidance=1.0), shaped(2, 17, budget=3), shaped(3, 17, sampler="unipc")]
    apart = [built_in.start(str(n), plan, hear(built_in, plan)) for n, plan in enumerate(plans)]
    for state in apart:
        walk(built_in, state)
    together = [built_in.start(str(n), plan, hear(built_in, plan)) for n, plan in enumerate(plans)]
    walk(built_in, *together, until=2)
    assert built_in.preview(together[0]).shape == (1, 128, 128, 3)
    together[1] = built_in.resume(plans[1], to_bytes(together[1]))
    walk(built_in, *together)
    for one, other in zip(apart, together, strict=True):
        np.testing.assert_allclose(built_in.decode_float(other), built_in.decode_float(one), atol=1e-4)


def test_the_built_in_model_packs_in_an_engine_by_what_was_measured(built_in: FamilyDenoiser) -> None:
    shapes = (9, 128, 128), (17, 128, 128)
    profile = Noted({(shape, size): size * 1.0 for shape in shapes for size in (1, 2)}, packed={mix_of(shapes): 1.2})
    engine = Engine(built_in, replace(RULES, gain=0.0))
    engine.adopt(profile)
    plans = [shaped(0, 9), shaped(1, 17)]
    sinks = [Accounting(), Accounting()]
    for number, (plan, sink) in enumerate(zip(plans, sinks, strict=True)):
        engine.submit(str(number), plan, sink)
    for sink, plan in zip(sinks, plans, strict=True):
        state = built_in.start("alone", plan, hear(built_in, plan))
        frames = sink.wait().frames
        walk(built_in, state)
        assert np.abs(frames.astype(int) - built_in.decode(state)).max() <= 1
    engine.close(20)
    assert any(packed for _, packed in sinks[0].mates)
