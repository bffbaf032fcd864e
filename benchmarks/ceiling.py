"""What an undisturbed device could do at most: the same arrivals through the real batcher, with measured step times.

No HTTP, no Redis, no encoding and no other process that wants a core: what a service measures against this is what the
service costs; what this misses of a target no service on the device can meet by that order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.embedded.profile import profile as model_profile
from app.engine.families.embedded import load_denoiser
from app.engine.timing.step_times import Times, warm_up_plan
from app.engine.timing.warm_up import measure_batches
from app.line.batcher import Profile, Rules, Running, Shape, Urgency, Waiting, decide
from app.line.fair_share import FairShare
from benchmarks.jobs import FRAMES, Job

SIDES = (128, 128)  # height and width of the built-in model's videos


def step_times(max_batch: int) -> Times:
    """Seconds of a step by shape and batch size, measured here and now on a device that has nothing else to do."""
    denoiser, base = load_denoiser("float32"), warm_up_plan(model_profile())
    times: Times = {}
    for frames in FRAMES:
        times.update(measure_batches(denoiser, replace(base, spec=replace(base.spec, frames=frames)), max_batch).times)
    return times


def law(step_s: float, further: float, max_batch: int) -> Times:
    """Seconds of a forward by shape and jobs in it, all shapes alike, each further job so large a share of a step."""
    return {
        ((frames, *SIDES), count): step_s * (1 + further * (count - 1))
        for frames in FRAMES
        for count in range(1, max_batch + 1)
    }


@dataclass(slots=True)
class _Playing:
    job: Job
    arrives: float
    left: int
    ended: float = 0.0
    started: bool = False
    stepped: int = 0


def played(stream: Sequence[Job], arrivals: Sequence[float], times: Times, rules: Rules) -> list[float]:
    """Seconds from arrival to the last step of each job, by the batcher's decisions alone."""
    jobs = {str(n): _Playing(job, at, job.steps) for n, (job, at) in enumerate(zip(stream, arrivals, strict=True))}
    known, fair_share, now, number = Profile(times, frozenset(times)), FairShare[Shape](), 0.0, 0
    while coming := {name: each for name, each in jobs.items() if each.left}:
        here = {name: each for name, each in coming.items() if each.arrives <= now}
        if not here:
            now = min(each.arrives for each in coming.values())
            continue
        number += 1
        running = [_running(name, each, fair_share) for name, each in here.items() if each.started]
        waiting = [_waiting(name, each) for name, each in here.items() if not each.started]
        boundary = decide(now, running, waiting, [], replace(rules, max_paused=0), known)
        for name in boundary.join:
            fair_share.enter(_shape(jobs[name]), {_shape(each) for each in here.values() if each.started})
            jobs[name].started, jobs[name].stepped = True, number - 1
        shape = _shape(jobs[boundary.batch[0]])
        now += times[shape, len(boundary.batch)]
        fair_share.charge(shape, times[shape, len(boundary.batch)])
        for name in boundary.batch:
            each = jobs[name]
            each.left, each.stepped, each.ended = each.left - 1, number, now
    return [each.ended - each.arrives for each in jobs.values()]


def _shape(each: _Playing) -> Shape:
    return (each.job.frames, *SIDES)


def _waiting(name: str, each: _Playing) -> Waiting:
    urgency = Urgency(arrived=each.arrives)
    return Waiting(name, _shape(each), urgency, each.job.steps, each.left, since=each.arrives)


def _running(name: str, each: _Playing, fair_share: FairShare[Shape]) -> Running:
    urgency, shape = Urgency(arrived=each.arrives), _shape(each)
    used_s = fair_share.used_s(shape)
    return Running(
        name, shape, urgency, each.job.steps, each.left, since=each.arrives, stepped=each.stepped, used_s=used_s
    )


def alone_s(times: Times) -> Callable[[Job], float]:
    """Seconds of a job with the device to itself."""
    return lambda job: job.steps * times[(job.frames, *SIDES), 1]
