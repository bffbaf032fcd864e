"""A draft's way through the engine: shown first, then kept, thrown away, or given up, and never at its job's cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from app.engine.checkpoint import from_bytes, to_bytes
from app.engine.denoiser import Frames, JobState
from app.engine.draft_check import residual
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.renoise import noised
from app.engine.sinks import DraftVerdict
from app.errors import UnsupportedParameter
from app.line.batcher import Rules
from app.plan.masks.mask import masks_of
from app.plan.speculative.speculative import draft_walk, kept_walk, plain_walk
from app.types import FirstDraft, MustShow, Plan, Sampling, StudentOfModel
from tests.engine.gate import Gate
from tests.engine.plans import Listener, hear, make_plan, walk

STUDENT = StudentOfModel("abc", (1.0, 0.9, 0.7, 0.4))
ANY, NONE = 1e9, 0.0  # residuals up to which drafts are kept


def speculative(
    most_residual: float = ANY, step: int = 4, prompt: str = "a red ball", deterministic: bool = False
) -> Plan:
    plan = make_plan(prompt, steps=9, budget=6, deterministic=deterministic)
    few = Sampling(4, 4, 1.0, plan.sampling.seed, deterministic=deterministic)
    return replace(plan, draft=FirstDraft(few, STUDENT, step=step, level=0.5, most_residual=most_residual))


class Watcher(Listener):
    """A listener to whom drafts are shown, and who keeps what it heard in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.shown: list[Frames] = []
        self.verdicts: list[DraftVerdict] = []
        self.kept: list[bytes] = []

    def step(self, step: int, total: int, eta_s: float) -> None:
        super().step(step, total, eta_s)
        self.heard.append(f"{step}/{total}")

    def draft(self, frames: Frames) -> None:
        self.shown.append(frames)
        self.heard.append("draft")

    def judged(self, verdict: DraftVerdict) -> None:
        self.verdicts.append(verdict)
        self.heard.append(verdict.verdict)

    def checkpoint(self, state: JobState) -> None:
        self.kept.append(to_bytes(state))

    def wait(self) -> Watcher:
        super().wait()
        return self


class Fails(FakeDenoiser):
    """A denoiser that cannot do one thing with drafts."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def start(self, *given: object) -> JobState:
        state = super().start(*given)  # type: ignore[arg-type]
        if self._at == "start" and state.plan.student is not None:
            raise UnsupportedParameter("no student here", "tier")
        return state

    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        if self._at == "predict" and any(state.plan.student is not None and state.step == 2 for state in states):
            raise RuntimeError("the student is broken")
        return super().predict(states)

    def decode(self, state: JobState) -> Frames:
        if self._at == "decode" and state.plan.student is not None:
            raise RuntimeError("nobody can see it")
        return super().decode(state)


class Sees(FakeDenoiser):
    """A denoiser that knows what share of what is asked is not seen in its frames."""

    def __init__(self, share: float | None) -> None:
        super().__init__()
        self._share = share

    def unseen(self, frames: Frames, shown: MustShow) -> float | None:
        assert shown.ground == "black"
        return self._share


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(FakeDenoiser(), Rules(max_batch=4, slots=8, checkpoint_every=1, checkpoint_share=1.0))
    yield engine
    engine.close(20)


def made(engine: Engine, plan: Plan, checkpoint: bytes | None = None) -> Watcher:
    sink = Watcher()
    engine.submit("a", plan, sink, checkpoint=checkpoint)
    return sink.wait()


def by_hand(plan: Plan, latent: torch.Tensor | None = None) -> JobState:
    denoiser = FakeDenoiser()
    state = denoiser.start("a", plan, hear(denoiser, plan))
    if latent is not None:
        noised(state, latent)
    walk(denoiser, state)
    return state


def frames(state: JobState) -> Frames:
    return FakeDenoiser().decode(state)


def test_a_draft_is_shown_before_the_first_step_of_the_plan_and_then_gone_on_from(engine: Engine) -> None:
    plan = speculative()
    told = made(engine, plan)
    assert told.heard[:7] == ["0/9", "0/9", "0/9", "0/9", "draft", "kept", "5/9"]
    assert told.heard[-1] == "9/9"
    assert sum("draft" in each for each in told.heard) == 1
    draft = by_hand(draft_walk(plan))
    assert np.array_equal(told.shown[0], frames(draft))
    assert np.array_equal(told.frames, frames(by_hand(kept_walk(plan), draft.latent)))
    (verdict,) = told.verdicts
    assert (verdict.step, 0 < verdict.level < 1) == (4, True)
    assert told.measured.evaluations == 4 + masks_of(kept_walk(plan)).budget
    assert told.measured.stages_s.keys() >= {"draft", "denoise", "decode"}


def test_its_residual_is_how_far_the_first_guess_is_from_it_in_its_own_variance(engine: Engine) -> None:
    plan, denoiser = speculative(), FakeDenoiser()
    draft = by_hand(draft_walk(plan)).latent
    state = denoiser.start("a", kept_walk(plan), hear(denoiser, plan))
    noised(state, draft)
    velocity = denoiser.predict([state])[0]
    guess = state.latent - state.sigma * velocity
    expected = float(((guess - draft) ** 2).mean() / draft.var())
    assert residual(state, velocity, draft) == pytest.approx(expected)
    assert made(engine, plan).verdicts[0].residual == pytest.approx(expected, rel=1e-4)
    assert residual(state, (state.latent - draft) / state.sigma, draft) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("plan", "verdict", "more"),
    [(speculative(NONE), "rejected", 5), (speculative(step=0), "uncalibrated", 4)],
)
def test_without_a_kept_draft_the_video_is_to_the_bit_that_of_the_plain_plan(
    engine: Engine, plan: Plan, verdict: str, more: int
) -> None:
    told = made(engine, plan)
    assert [each.verdict for each in told.verdicts] == [verdict]
    assert len(told.shown) == 1
    assert np.array_equal(told.frames, frames(by_hand(plain_walk(plan))))
    assert told.measured.evaluations == plan.sampling.budget + more


@pytest.mark.parametrize(("at", "spent"), [("start", 0), ("predict", 2), ("decode", 4)])
def test_a_draft_that_fails_costs_its_own_time_and_never_its_job(at: str, spent: int) -> None:
    plan = speculative()
    engine = Engine(Fails(at), Rules(max_batch=2, slots=2))
    try:
        told = made(engine, plan)
    finally:
        engine.close(20)
    assert told.error is None
    assert ([each.verdict for each in told.verdicts], told.shown) == (["failed"], [])
    assert np.array_equal(told.frames, frames(by_hand(plain_walk(plan))))
    assert told.measured.evaluations - plan.sampling.budget in (0, spent)


@pytest.mark.parametrize("most_residual", [ANY, NONE])
def test_from_any_checkpoint_the_job_goes_on_to_the_same_bits_and_the_same_bill(
    engine: Engine, most_residual: float
) -> None:
    plan = speculative(most_residual, deterministic=True)
    whole = made(engine, plan)
    assert len(whole.kept) > 5
    walks = [draft_walk(plan), kept_walk(plan), plain_walk(plan)]
    for checkpoint in whole.kept:
        again = made(engine, plan, checkpoint)
        assert np.array_equal(again.frames, whole.frames)
        assert again.measured.evaluations == whole.measured.evaluations
        in_draft = _fits(checkpoint, walks[0])
        assert [len(again.shown), len(again.verdicts)] == ([1, 1] if in_draft else [0, 0])
    assert any(_fits(each, walks[0]) for each in whole.kept)


def _fits(checkpoint: bytes, walk: Plan) -> bool:
    try:
        from_bytes(checkpoint, walk)
    except ValueError:
        return False
    return True


def test_drafts_share_forwards_with_each_other_and_stay_what_they_are_alone() -> None:
    gate = Gate()
    denoiser = FakeDenoiser(0.1, sleep=gate)
    engine = Engine(denoiser, Rules(max_batch=4, slots=4), gate.clock)
    plans = [speculative(prompt=prompt) for prompt in ("a red ball", "a blue box")]
    sinks = [Watcher() for _ in plans]
    first = Watcher()
    engine.submit("first", make_plan(steps=2), first)
    gate.wait()  # both are there when it is let go
    for name, plan, sink in zip("ab", plans, sinks, strict=True):
        engine.submit(name, plan, sink)
    gate.release()
    try:
        for plan, sink in zip(plans, sinks, strict=True):
            alone = frames(by_hand(kept_walk(plan), by_hand(draft_walk(plan)).latent))
            assert np.array_equal(sink.wait().frames, alone)
    finally:
        engine.close(20)
    assert ("a", "b") in denoiser.forwards


def test_a_sink_that_shows_no_drafts_has_its_video_all_the_same(engine: Engine) -> None:
    plan, sink = speculative(), Listener()
    engine.submit("a", plan, sink)
    draft = by_hand(draft_walk(plan))
    assert np.array_equal(sink.wait().frames, frames(by_hand(kept_walk(plan), draft.latent)))


def test_the_time_that_is_left_counts_the_plan_behind_the_draft() -> None:
    gate, told = Gate(), Watcher()
    gate.free = True  # only the clock is wanted: each forward takes as long
    engine = Engine(FakeDenoiser(0.1, sleep=gate), Rules(max_batch=1, slots=1), gate.clock)
    try:
        warm = Listener()
        engine.submit("warm", make_plan(steps=3), warm)
        warm.wait()
        engine.submit("a", speculative(), told)
        told.wait()
    finally:
        engine.close(20)
    behind = masks_of(kept_walk(speculative())).budget
    halves = [each - 0.1 * behind for each, step in zip(told.etas_s, told.steps, strict=True) if step == 0]
    assert halves == pytest.approx([0.15, 0.1, 0.05, 0.0])


def looked_at(deterministic: bool = False) -> Plan:
    plan = speculative(0.1, deterministic=deterministic)
    assert plan.draft is not None
    return replace(plan, draft=replace(plan.draft, shown=MustShow("black", (("red", "circle", "right"),))))


@pytest.mark.parametrize(("share", "verdict", "step"), [(0.1, "kept", 4), (0.2, "rejected", 0), (None, "failed", 0)])
def test_a_draft_that_is_looked_at_is_judged_before_the_plan_begins_and_at_no_evaluation(
    share: float | None, verdict: str, step: int
) -> None:
    plan = looked_at(deterministic=True)
    engine = Engine(Sees(share), Rules(max_batch=4, slots=8, checkpoint_every=1, checkpoint_share=1.0))
    try:
        told = made(engine, plan)
        (heard,) = told.verdicts
        assert (heard.verdict, heard.residual, heard.step) == (verdict, share if verdict != "failed" else None, step)
        assert told.heard.index(verdict) == told.heard.index("draft") + 1
        latent = by_hand(draft_walk(plan)).latent
        expected = by_hand(kept_walk(plan), latent) if step else by_hand(plain_walk(plan))
        assert np.array_equal(told.frames, frames(expected))
        assert told.measured.evaluations == 4 + masks_of(kept_walk(plan) if step else plain_walk(plan)).budget
        for checkpoint in told.kept:
            again = made(engine, plan, checkpoint)
            assert np.array_equal(again.frames, told.frames)
            assert again.measured.evaluations == told.measured.evaluations
    finally:
        engine.close(20)
