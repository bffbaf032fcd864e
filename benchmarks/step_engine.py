"""The step engine by itself on the built-in model: its own time, urgency, cancelling, checkpoints, decisions."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import redis
from rich.console import Console

from app.embedded.profile import profile
from app.engine.checkpoint import to_bytes
from app.engine.denoiser import JobState
from app.engine.loop import Engine
from app.line.batcher import Rules
from app.plan.tiers import ROWS
from benchmarks import decision
from benchmarks.figures import at_most, percentile, spread
from benchmarks.jobs import Job, plan_of
from benchmarks.rivals import Pipeline
from benchmarks.watched import Heard, Timed, fresh_denoiser
from cluster.redis import LocalRedis

RULES = Rules(max_batch=4, slots=8)  # `checkpoint_share` in them decides how often there is a checkpoint
LONG_STEPS = 100  # of the job that an urgent one comes upon
PREVIEW_STEPS = ROWS[0].steps[0]
OWN_SHARE, URGENT_STEPS, CANCEL_STEPS, KEPT_SHARE = 0.015, 1.2, 1, 0.01  # targets


def measure(steps: int, tries: int, console: Console) -> dict[str, Any]:
    """All figures of this page. `steps`: of the long jobs; `tries`: of what is measured more than once."""
    timed = Timed(fresh_denoiser())
    engine = Engine(timed, RULES)
    engine.warm_up(profile())
    figures: dict[str, Any] = {
        "own_time_alone": _own_time(engine, timed, 1, steps),
        "own_time_batch_of_4": _own_time(engine, timed, 4, steps),
        "urgent_wait_steps": _urgent(engine, timed, 1, tries),
        "urgent_wait_steps_all_slots_taken": _urgent(engine, timed, RULES.slots, tries),
        "cancel_steps": _cancel(engine, tries),
        "checkpoint_share": _checkpoints(engine, steps),
        "deterministic_cost": _determinism(engine, max(6, steps // 3)),
        "decision_1000_waiting": decision.measure(RULES, 20 * tries),
    }
    engine.close(10)
    figures["ceiling"] = _ceiling(engine)
    for name, figure in figures.items():
        console.print(f"[dim]{name}: {figure}[/dim]")
    return figures


def _together(engine: Engine, count: int, steps: int, deterministic: bool = False) -> list[Heard]:
    """Jobs handed in at once, under way."""
    sinks = [Heard() for _ in range(count)]
    for number, sink in enumerate(sinks):
        plan = plan_of(Job(f"a red ball {number}", steps, 17, number))
        sampling = replace(plan.sampling, deterministic=deterministic)
        engine.submit(f"job-{number}", replace(plan, sampling=sampling), sink)
    return sinks


def _own_time(engine: Engine, timed: Timed, batch: int, steps: int) -> dict[str, Any]:
    """Share of the engine thread's time that is not spent in forwards, first to last batch of the usual size."""
    before = len(timed.forwards)
    for sink in _together(engine, batch, steps):
        sink.wait()
    spans = timed.forwards[before:]
    sizes = Counter(span.jobs for span in spans)
    usual = sizes.most_common(1)[0][0]  # larger ones are only tried, where they do not pay
    full = [place for place, span in enumerate(spans) if span.jobs == usual]
    inside = spans[full[0] : full[-1] + 1]
    between = [after.began - span.ended for span, after in pairwise(inside)]
    whole_s = inside[-1].began - inside[0].began
    return at_most(
        sum(between) / whole_s,
        OWN_SHARE,
        own_ms=round(1000 * statistics.median(between), 3),
        step_ms=round(1000 * whole_s / len(between), 2),
        forwards_by_batch=dict(sorted(sizes.items())),
    )


def _urgent(engine: Engine, timed: Timed, company: int, tries: int) -> dict[str, Any]:
    """Forwards of others that end between the arrival of an urgent preview and the end of its own first one."""
    waits = []
    for turn in range(tries):
        others = _together(engine, company, LONG_STEPS)
        for sink in others[: RULES.max_batch]:
            sink.at(3 + turn % 4)
        urgent, plan = Heard(), plan_of(Job("a white star", PREVIEW_STEPS, 17, turn))
        began = time.perf_counter()
        engine.submit("urgent", plan, urgent, urgency=engine.urgency("high"))
        urgent.at(1)
        first = urgent.steps[0][1]
        waits.append(sum(began < span.ended <= first for span in timed.forwards) - 1)
        for number in range(company):
            engine.stop(f"job-{number}")
        for sink in [*others, urgent]:
            sink.wait()
    return at_most(max(waits), URGENT_STEPS, median=statistics.median(waits), tries=tries)


def _cancel(engine: Engine, tries: int) -> dict[str, Any]:
    """From the wish to stop, at any moment of a step, until the job has left the engine; in its own steps."""
    waits = []
    for turn in range(tries):
        (sink,) = _together(engine, 1, LONG_STEPS)
        sink.at(6 + turn % 4)
        step_s = _step_s(sink)
        time.sleep(step_s * Random(turn).random())
        began = time.perf_counter()
        engine.stop("job-0")
        sink.wait()
        waits.append((sink.ended - began) / step_s)
    return at_most(percentile(waits, 0.95), CANCEL_STEPS, **spread(waits))


def _step_s(sink: Heard) -> float:
    """Seconds between two steps of a job."""
    return statistics.median(after[1] - step[1] for step, after in pairwise(list(sink.steps)))


def _checkpoints(engine: Engine, steps: int) -> dict[str, Any]:
    """Time to serialise checkpoints and store them in a Redis, as often as the engine wants, ÷ the device time."""
    seconds: list[float] = []
    sizes: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        server = LocalRedis(Path(folder))
        server.start()
        store = redis.Redis.from_url(server.url)

        def keep(state: JobState) -> None:
            began = time.perf_counter()
            data = to_bytes(state)
            store.set(f"checkpoint:{state.job_id}", data)
            sizes.append(len(data))
            seconds.append(time.perf_counter() - began)
            engine.checkpoint_cost(seconds[-1])

        def run(length: int) -> float:
            sink = Heard(keep)
            engine.submit("kept", plan_of(Job("a green triangle", length, 17, 1)), sink)
            return sink.wait().finished.device_seconds

        try:
            run(4)  # the first checkpoint of a replica tells what one costs
            del seconds[:], sizes[:]
            device_s = run(steps)
        finally:
            store.close()
            server.stop()
    return at_most(
        sum(seconds) / device_s,
        KEPT_SHARE,
        checkpoints=len(seconds),
        each_ms=spread([1000 * each for each in seconds]) if seconds else None,
        each_bytes=max(sizes, default=None),
        steps_between=round(steps / len(seconds), 1) if seconds else None,
    )


def _determinism(engine: Engine, steps: int) -> dict[str, Any]:
    """Seconds of four jobs together, deterministic ÷ not: they share no forward; alone it costs nothing."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for alike in (False, True, False, True):
        began = time.perf_counter()
        for sink in _together(engine, 4, steps, alike):
            sink.wait()
        seconds[alike].append(time.perf_counter() - began)
    return {"four_jobs_together": round(min(seconds[True]) / min(seconds[False]), 3)}


def _ceiling(engine: Engine) -> dict[str, Any]:
    """What batching can give here: a bare pipeline's step ÷ the engine's share of a step, by batch size.

    The engine has been closed, so that its thread's helpers do not slow the pipeline's.
    """
    pipeline = Pipeline()
    short_s, long_s = _fastest(pipeline, 15), _fastest(pipeline, 45)
    pipeline.close()
    bare_s = (long_s - short_s) / 30
    shares = {size: each_s / size for (shape, size), each_s in engine.times.items() if shape[0] == 17}
    return {
        "bare_step_ms": round(1000 * bare_s, 2),
        "engine_step_ms_per_job": {str(size): round(1000 * share_s, 2) for size, share_s in sorted(shares.items())},
        "times_bare": round(bare_s / min(shares.values()), 3),
    }


def _fastest(pipeline: Pipeline, steps: int, tries: Sequence[int] = range(3)) -> float:
    """Seconds of a job of so many steps, the least of several."""
    seconds = []
    for seed in tries:
        began = time.perf_counter()
        pipeline.make([Job("a red ball", steps, 17, seed)])
        seconds.append(time.perf_counter() - began)
    return min(seconds)
