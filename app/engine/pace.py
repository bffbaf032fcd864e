"""How long forwards take, by shape and batch size: measured at start-up and at work, read by ETAs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from app.engine.denoiser import Conditioning, Denoiser
from app.errors import DeviceOutOfMemory
from app.line.batcher import Shape
from app.types import Analysis, Estimate, ModelProfile, Plan, Sampling, VideoSpec

_FRESH = 0.2  # weight of the newest time in a running mean
_RUNS = 3  # forwards per batch size in a profile; the first only warms up

Times = dict[tuple[Shape, int], float]  # seconds a step takes by shape and batch size


def shape_of(plan: Plan) -> Shape:
    """Jobs of one (frames, height, width) have latents of one shape."""
    return (plan.spec.frames, plan.spec.height, plan.spec.width)


class Pace:
    """Running means of step times."""

    def __init__(self) -> None:
        self._means: Times = {}

    @property
    def times(self) -> Times:
        return dict(self._means)

    def learn(self, shape: Shape, batch: int, seconds: float) -> None:
        """Take in one step's time."""
        mean = self._means.get((shape, batch), seconds)
        self._means[shape, batch] = mean + _FRESH * (seconds - mean)

    def step_s(self, shape: Shape, batch: int) -> float:
        """Seconds of a step of `batch` jobs, or what the nearest known batch size takes; 0 when none is known."""
        known = [size for asked, size in self._means if asked == shape]
        if not known:
            return 0.0
        return self._means[shape, min(known, key=lambda size: abs(size - batch))]

    def round_s(self, shapes: Sequence[Shape], max_batch: int) -> float:
        """Seconds until each of the jobs with these shapes has taken a step, `max_batch` of one shape at a time."""
        total = 0.0
        for shape, count in Counter(shapes).items():
            full, rest = divmod(count, max_batch)
            total += full * self.step_s(shape, max_batch) + (self.step_s(shape, rest) if rest else 0.0)
        return total


def rehearsal(model: ModelProfile) -> Plan:
    """A plan of the model's default shape, just long enough to be measured."""
    width, height = model.sizes[0]
    return Plan(
        model=model.id,
        revision=model.revision,
        prompt="a rehearsal",
        negative_prompt="",
        spec=VideoSpec(width, height, model.default_frames, model.default_fps),
        sampling=Sampling(steps=_RUNS, budget=_RUNS, guidance=model.guidance, seed=0, shift=model.shift),
        tier="",
        asked_tier="",
        pool=model.pool,
        estimate=Estimate(0.0, 0.0),
        why=Analysis(0, ""),
    )


def profile(
    denoiser: Denoiser, plan: Plan, max_batch: int, clock: Callable[[], float] = time.monotonic
) -> Mapping[tuple[Shape, int], float]:
    """Step times of the plan's shape at batch sizes 1 to `max_batch`, or to what fits into memory; decodes once, too.

    Raises:
        DeviceOutOfMemory: not even one job fits.
    """
    prompt, negative = denoiser.encode([plan.prompt, plan.negative_prompt])
    conditioning = Conditioning(prompt, negative)
    times: Times = {}
    for batch in range(1, max_batch + 1):
        states = [denoiser.start(f"rehearsal-{place}", plan, conditioning) for place in range(batch)]
        took = []
        try:
            for _ in range(plan.sampling.steps):
                begun = clock()
                for state, velocity in zip(states, denoiser.predict(states), strict=True):
                    denoiser.advance(state, velocity)
                took.append(clock() - begun)
        except DeviceOutOfMemory:
            if batch == 1:
                raise
            break
        times[shape_of(plan), batch] = min(took[1:] or took)
        if batch == 1:
            denoiser.decode(states[0])
    return times
