"""Plans, conditioning and a sink for the engine's tests."""

from __future__ import annotations

import threading

from app.engine.denoiser import Conditioning, Denoiser, Frames, JobState
from app.engine.reuse import forecast, remember
from app.errors import GenerationError
from app.types import Analysis, Estimate, Measured, Phase, Plan, Sampling, VideoSpec

TINY = VideoSpec(8, 8, 5, 8)


def make_plan(
    prompt: str = "a red ball",
    steps: int = 4,
    budget: int | None = None,
    seed: int = 0,
    guidance: float = 3.0,
    spec: VideoSpec = TINY,
    sampler: str = "euler",
    shift: float = 3.0,
    deterministic: bool = False,
    step_cache: str = "",
) -> Plan:
    return Plan(
        model="tiny",
        revision="1",
        prompt=prompt,
        negative_prompt="",
        spec=spec,
        sampling=Sampling(steps, budget or steps, guidance, seed, sampler, shift, deterministic, step_cache),
        tier="standard",
        asked_tier="standard",
        pool="main",
        estimate=Estimate(0.0, 0.0),
        why=Analysis(0, ""),
    )


def hear(denoiser: Denoiser, plan: Plan) -> Conditioning:
    return Conditioning(*denoiser.encode([plan.prompt, plan.negative_prompt]))


def walk(denoiser: Denoiser, *states: JobState, until: int = 10**9) -> None:
    """Step jobs of one shape together, as the loop does, until they are done or at step `until`."""
    while under_way := [state for state in states if not state.done and state.step < until]:
        evaluated = [state for state in under_way if not state.forecast]
        for state, velocity in zip(evaluated, denoiser.predict(evaluated) if evaluated else [], strict=True):
            remember(state, velocity)
            denoiser.advance(state, velocity)
        for state in under_way:
            if state not in evaluated:
                denoiser.advance(state, forecast(state.history, state.sigma))


class Listener:
    """A sink that keeps what it hears; `wait` returns when the job has left the engine."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.steps: list[int] = []
        self.etas_s: list[float] = []
        self.frames: Frames  # both when it is done
        self.measured: Measured
        self.error: GenerationError | None = None
        self._over = threading.Event()

    def phase(self, phase: Phase) -> None:
        self.phases.append(phase)

    def step(self, step: int, total: int, eta_s: float) -> None:
        self.steps.append(step)
        self.etas_s.append(eta_s)

    def done(self, frames: Frames, measured: Measured) -> None:
        self.frames, self.measured = frames, measured
        self._over.set()

    def failed(self, error: GenerationError) -> None:
        self.error = error
        self._over.set()

    def wait(self) -> Listener:
        assert self._over.wait(60), "the job did not end"
        return self
