"""The step engine by itself on the built-in model: its own time, urgency, cancelling, checkpoints, decisions."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from app.embedded.profile import profile
from app.engine.checkpoint import to_bytes
from app.engine.denoiser import JobState
from app.engine.families.embedded import load_denoiser
from app.engine.families.wan import WanDenoiser
from app.engine.loop import Engine
from app.errors import GenerationError
from app.line.batcher import Profile, Rules, Running, Urgency, Waiting, decide
from app.types import Measured, Phase
from benchmarks.figures import at_most, percentile
from benchmarks.jobs import Job, mixed, plan_of
from benchmarks.rivals import Pipeline

RULES = Rules(max_batch=4, slots=8)


class Timed:
    """The real denoiser, whose forwards are timed; everything else goes straight through."""

    def __init__(self, denoiser: WanDenoiser) -> None:
        self._denoiser = denoiser
        self.forward_s = 0.0
        self.forwards = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        began = time.perf_counter()
        answer = self._denoiser.predict(states)
        self.forward_s += time.perf_counter() - began
        self.forwards += 1
        return answer


class Heard:
    """A sink that notes when what happened; with `keep` it serialises the checkpoints that it is given."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.steps: list[tuple[int, float]] = []
        self.began = self.ended = 0.0
        self.saved_s: list[float] = []
        self.measured: Measured | None = None
        self._engine = engine
        self._over = threading.Event()
        self._moved = threading.Condition()

    def phase(self, phase: Phase) -> None:
        if phase is Phase.DECODING:
            self.ended = time.perf_counter()

    def step(self, step: int, total: int, eta_s: float) -> None:
        with self._moved:
            self.steps.append((step, time.perf_counter()))
            self._moved.notify_all()

    def checkpoint(self, state: JobState) -> None:
        if self._engine is not None:
            began = time.perf_counter()
            to_bytes(state)
            self.saved_s.append(time.perf_counter() - began)
            self._engine.checkpoint_cost(self.saved_s[-1])

    def done(self, frames: NDArray[np.uint8], measured: Measured) -> None:
        self.measured = measured
        self._over.set()

    def failed(self, error: GenerationError) -> None:
        self.ended = time.perf_counter()
        self._over.set()

    def wait(self) -> Heard:
        if not self._over.wait(300):
            raise RuntimeError("a job did not end")
        return self

    def at(self, step: int) -> None:
        """Return when this step has been heard of."""
        with self._moved:
            if not self._moved.wait_for(lambda: bool(self.steps) and self.steps[-1][0] >= step, 300):
                raise RuntimeError("a job does not step")


def measure(steps: int, tries: int, console: Console) -> dict[str, Any]:
    """All figures of this page. `steps`: of the long jobs; `tries`: of what is measured more than once."""
    timed = Timed(load_denoiser("float32"))
    engine = Engine(timed, RULES)
    engine.warm_up(profile())
    figures: dict[str, Any] = {
        "own_time_alone": _own_time(engine, timed, 1, steps),
        "own_time_batch_of_4": _own_time(engine, timed, 4, steps),
        "urgent_wait_steps": _urgent(engine, 1, tries),
        "urgent_wait_steps_all_slots_taken": _urgent(engine, RULES.slots, tries),
        "cancel_steps": _cancel(engine, tries),
        "checkpoint_share": _checkpoints(engine, steps),
        "deterministic_cost": _determinism(engine, max(6, steps // 3)),
        "decision_1000_waiting_ms": _decision(200),
        "ceiling": _ceiling(engine),
    }
    engine.close(10)
    for name, figure in figures.items():
        console.print(f"[dim]{name}: {figure}[/dim]")
    return figures


def _own_time(engine: Engine, timed: Timed, batch: int, steps: int) -> dict[str, Any]:
    """Share of the stepping time that is not spent in forwards."""
    sinks = [Heard() for _ in range(batch)]
    jobs = [Job(f"a red ball {number}", steps, 17, number) for number in range(batch)]
    for job, sink in zip(jobs, sinks, strict=True):
        engine.submit(str(job.seed), plan_of(job), sink)
    for sink in sinks:
        sink.at(2)
    began, forward_s, forwards = time.perf_counter(), timed.forward_s, timed.forwards
    sinks[0].at(steps - 2)
    took = time.perf_counter() - began
    share = 1 - (timed.forward_s - forward_s) / took
    counted = timed.forwards - forwards
    for sink in sinks:
        sink.wait()
    return at_most(share, 0.02, forwards=counted, step_ms=round(1000 * took / max(1, counted), 2))


def _urgent(engine: Engine, company: int, tries: int) -> dict[str, Any]:
    """Steps that others take between the arrival of an urgent job and its own first step."""
    waits = []
    for turn in range(tries):
        others = [Heard() for _ in range(company)]
        for number, sink in enumerate(others):
            engine.submit(
                f"long-{number}", plan_of(Job("a blue box", 100, 17, number)), sink, urgency=engine.urgency("low")
            )
        for sink in others[: RULES.max_batch]:
            sink.at(3)
        urgent, began = Heard(), time.perf_counter()
        engine.submit("urgent", plan_of(Job("a white star", 12, 17, turn)), urgent, urgency=engine.urgency("high"))
        urgent.at(1)
        first = urgent.steps[0][1]
        waits.append(max(sum(began < at < first for _, at in sink.steps) for sink in others))
        for number in range(company):
            engine.stop(f"long-{number}")
        engine.stop("urgent")
        for sink in [*others, urgent]:
            sink.wait()
    return at_most(max(waits), 2, median=statistics.median(waits), tries=tries)


def _cancel(engine: Engine, tries: int) -> dict[str, Any]:
    """From the wish to stop until the job has left the engine, in steps."""
    waits = []
    for turn in range(tries):
        sink = Heard()
        engine.submit("cancelled", plan_of(Job("a pink ring", 100, 17, turn)), sink)
        sink.at(3 + turn % 4)
        time.sleep(engine.step_s * Random(turn).random())
        began = time.perf_counter()
        engine.stop("cancelled")
        sink.wait()
        waits.append((sink.ended - began) / engine.step_s)
    return at_most(percentile(waits, 0.95), 1.1, median=round(statistics.median(waits), 3), most=round(max(waits), 3))


def _checkpoints(engine: Engine, steps: int) -> dict[str, Any]:
    """Time to serialise checkpoints, at the interval that the engine chooses, as a share of the device time."""
    sink = Heard(engine)
    engine.submit("kept", plan_of(Job("a green triangle", steps, 17, 1)), sink)
    sink.wait()
    if sink.measured is None:
        raise RuntimeError("the job failed")
    later = sink.saved_s[1:]  # the first tells what one costs
    share = sum(later) / sink.measured.device_seconds
    each_ms = 1000 * statistics.median(sink.saved_s)
    return at_most(share, 0.01, checkpoints=len(sink.saved_s), each_ms=round(each_ms, 3))


def _determinism(engine: Engine, steps: int) -> dict[str, Any]:
    """Seconds of four jobs together, deterministic ÷ not: they share no forward; alone it costs nothing."""
    seconds: dict[bool, float] = {}
    for alike in (False, True, False, True):
        sinks, began = [Heard() for _ in range(4)], time.perf_counter()
        for number, sink in enumerate(sinks):
            plan = plan_of(Job("an orange star", steps, 17, number))
            engine.submit(f"d{number}", replace(plan, sampling=replace(plan.sampling, deterministic=alike)), sink)
        for sink in sinks:
            sink.wait()
        seconds[alike] = min(seconds.get(alike, 1e9), time.perf_counter() - began)
    return {"four_jobs_together": round(seconds[True] / seconds[False], 3)}


def _ceiling(engine: Engine) -> dict[str, Any]:
    """What batching can give here: a bare pipeline's step ÷ the engine's share of a step, by batch size."""
    pipeline, seconds = Pipeline(), dict[int, float]()
    for steps in (4, 15, 45, 15, 45):
        began = time.perf_counter()
        pipeline.make([Job("a red ball", steps, 17, 0)])
        seconds[steps] = min(seconds.get(steps, 1e9), time.perf_counter() - began)
    bare_s = (seconds[45] - seconds[15]) / 30
    shares = {size: each_s / size for (shape, size), each_s in engine.times.items() if shape[0] == 17}
    return {
        "bare_step_ms": round(1000 * bare_s, 2),
        "engine_step_ms_per_job": {str(size): round(1000 * share_s, 2) for size, share_s in sorted(shares.items())},
        "times_bare": round(bare_s / min(shares.values()), 3),
    }


def _decision(turns: int) -> dict[str, Any]:
    """Milliseconds of a boundary's decision with 1,000 waiting jobs and every slot taken."""
    dice, shape = Random(0), (17, 128, 128)
    known = Profile({(shape, size): 0.05 * (0.4 + 0.6 * size) for size in (1, 2, 3, 4)})
    urgency: Callable[[], Urgency] = lambda: Urgency(dice.randint(0, 2), None, dice.random() * 100)  # noqa: E731
    waiting = [Waiting(f"w{n}", shape, urgency(), job.steps, job.steps) for n, job in enumerate(mixed(1000, 3))]
    running = [Running(f"r{n}", shape, urgency(), 30, 20) for n in range(RULES.slots)]
    times = []
    for turn in range(turns):
        began = time.perf_counter()
        decide(100.0 + turn, running, waiting, [], RULES, known)
        times.append(1000 * (time.perf_counter() - began))
    return at_most(statistics.median(times), 2, p99=round(percentile(times, 0.99), 3))
