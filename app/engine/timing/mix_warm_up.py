"""Before a replica takes jobs: how long packed steps of its usual shapes take, where batches pay at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from app.engine.denoiser import Conditioning, Denoiser
from app.engine.timing.step_times import StepTimes, shape_of, warm_up_plan
from app.line.packing import fits, mix_of, tries
from app.line.rules import Rules
from app.types import ModelProfile, Plan

MOST_MIXES = 3


def mixes_of(model: ModelProfile, most_sizes: int) -> Iterator[tuple[Plan, Plan]]:
    """The default shape with each further size, or, of a model with one size, with the next shorter video."""
    base = warm_up_plan(model)
    others = [warm_up_plan(model, size) for size in model.sizes[1:most_sizes]]
    shorter = [frames for frames in model.frames if frames < model.default_frames]
    if not others and shorter:
        others = [replace(base, spec=replace(base.spec, frames=max(shorter)))]
    for other in others[:MOST_MIXES]:
        yield base, other


def measure_mixes(
    denoiser: Denoiser,
    conditioning: Conditioning,
    mixes: Iterator[tuple[Plan, Plan]],
    times: StepTimes,
    rules: Rules,
    clock: Callable[[], float],
) -> None:
    """Step one job of each plan together, and learn what it takes; what would not fit or pays nowhere is left out.

    What a mix cannot be judged without, a step of a shape alone, is measured with it.
    """
    for plans in mixes:
        mix = mix_of([shape_of(plan) for plan in plans])
        if mix in times.packed or not fits(times.profile, mix) or not tries(times.profile, mix, rules):
            continue
        for plan in plans:
            if not times.step_s(shape_of(plan), 1):
                times.learn(shape_of(plan), 1, _stepped(denoiser, conditioning, [plan], clock), settled=True)
        times.learn_mix(mix, _stepped(denoiser, conditioning, plans, clock), settled=True)


def _stepped(
    denoiser: Denoiser, conditioning: Conditioning, plans: Sequence[Plan], clock: Callable[[], float]
) -> float:
    """Seconds of a step of one job of each plan, the first one not counted."""
    states = [denoiser.start(f"rehearsal-{at}", plan, conditioning) for at, plan in enumerate(plans)]
    took = []
    for _ in range(plans[0].sampling.steps):
        begun = clock()
        for state, velocity in zip(states, denoiser.predict(states), strict=True):
            denoiser.advance(state, velocity)
        took.append(clock() - begun)
    return min(took[1:] or took)
