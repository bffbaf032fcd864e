"""What one boundary's decision costs when a thousand jobs wait."""

from __future__ import annotations

import statistics
import time
from random import Random
from typing import Any

from app.line.batcher import Profile, Rules, Running, Urgency, Waiting, decide
from benchmarks.figures import at_most, percentile
from benchmarks.jobs import FRAMES, mixed

WAITING, TARGET_MS = 1000, 2.0
_NOW = 100.0


def measure(rules: Rules, turns: int) -> dict[str, Any]:
    """Milliseconds with every slot taken: jobs of one class and shape, and of all classes, shapes and deadlines."""
    return {"alike": _timed(rules, turns, varied=False), "varied": _timed(rules, turns, varied=True)}


def _timed(rules: Rules, turns: int, varied: bool) -> dict[str, Any]:
    dice, frames = Random(0), FRAMES if varied else FRAMES[-1:]
    shapes = [(count, 128, 128) for count in frames]
    known = Profile({(shape, size): 0.05 * (0.4 + 0.6 * size) for shape in shapes for size in (1, 2, 3, 4)})
    waiting = []
    for number, job in enumerate(mixed(WAITING, seed=3, frames=frames)):
        urgency = _urgency(dice, varied)
        shape = (job.frames, 128, 128)
        waiting.append(Waiting(f"w{number}", shape, urgency, job.steps, job.steps, since=urgency.arrived))
    running = [
        Running(f"r{number}", dice.choice(shapes), _urgency(dice, varied), 30, 20, since=_NOW)
        for number in range(rules.slots)
    ]
    times = []
    for turn in range(turns):
        began = time.perf_counter()
        decide(_NOW + turn / turns, running, waiting, [], rules, known)
        times.append(1000 * (time.perf_counter() - began))
    return {
        "median_ms": at_most(statistics.median(times), TARGET_MS),
        "p99_ms": at_most(percentile(times, 0.99), TARGET_MS),
        "turns": turns,
    }


def _urgency(dice: Random, varied: bool) -> Urgency:
    arrived = dice.random() * _NOW
    if not varied:
        return Urgency(arrived=arrived)
    return Urgency(dice.randint(0, 2), dice.choice((None, _NOW + 60 + dice.random() * 600)), arrived)
