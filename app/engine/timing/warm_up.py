"""Before a replica takes jobs: how long batches of a shape take, and the largest that memory holds, both measured."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from app.engine.denoiser import Conditioning, Denoiser, TakesImage
from app.engine.memory.headroom import Headroom, UnlimitedHeadroom
from app.engine.memory.state import let_go
from app.engine.timing.mix_warm_up import measure_mixes, mixes_of
from app.engine.timing.step_times import StepTimes, Times, shape_of, warm_up_plan
from app.errors import DeviceOutOfMemory
from app.line.profile import Noted, Shape, grows
from app.line.rules import Rules
from app.types import ModelProfile, Plan

MOST_SIZES = 4
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchTimes:
    """Seconds a step takes by batch size; the largest batch, where memory refused a larger one, and its room then."""

    times: Times
    limit: int | None = None
    left_bytes: int = 0


def measure_batches(
    denoiser: Denoiser,
    plan: Plan,
    max_batch: int,
    clock: Callable[[], float] = time.monotonic,
    headroom: Headroom | None = None,
    known: Mapping[tuple[Shape, int], float] | None = None,
    limit: int | None = None,
) -> BatchTimes:
    """Step the plan's shape at batch sizes 1 to `max_batch`, or until memory refuses one; decodes once, too.

    A size is refused when it runs out of memory, or, before it is tried, when by what the sizes before it took it would
    go past what `headroom` has left: on a host, running out would end the process. Sizes in `known` and those above
    a known `limit` are not tried again, except 1: it says that the model works.

    Raises:
        DeviceOutOfMemory: not even one job fits.
    """
    headroom, shape, done = headroom or UnlimitedHeadroom(), shape_of(plan), known or {}
    left_bytes, held, times = headroom.left_bytes(), list[tuple[int, int]](), dict[tuple[Shape, int], float]()
    conditioning = conditioning_of(denoiser, plan)
    for batch in range(1, min(max_batch, limit or max_batch) + 1):
        if batch > 1 and (shape, batch) in done:
            continue
        if batch > 1 and held and not grows(held, left_bytes):
            log.info("A batch of %d at %s would not fit into the %d bytes left", batch, shape, left_bytes)
            return BatchTimes(times, batch - 1, left_bytes)
        headroom.begin(batch)
        try:
            times[shape, batch] = _stepped(denoiser, plan, conditioning, batch, clock)
        except DeviceOutOfMemory as error:
            if batch == 1:
                raise
            let_go(error)
            return BatchTimes(times, batch - 1, left_bytes)
        held.append((batch, headroom.peak_bytes()))
    return BatchTimes(times, limit, left_bytes)


def conditioning_of(denoiser: Denoiser, plan: Plan) -> Conditioning:
    """What a plan's prompts, and a black picture where one is needed, are to the denoiser."""
    prompt, negative = denoiser.encode([plan.prompt, plan.negative_prompt])
    return Conditioning(prompt, negative, picture=_black_picture(denoiser, plan))


def _black_picture(denoiser: Denoiser, plan: Plan) -> Mapping[str, torch.Tensor]:
    """What a model that needs a picture sees of a black one."""
    if not isinstance(denoiser, TakesImage) or not denoiser.needs_image:
        return {}
    return denoiser.encode_image(np.zeros((1, plan.spec.height, plan.spec.width, 3), np.uint8), plan.spec)


def _stepped(
    denoiser: Denoiser, plan: Plan, conditioning: Conditioning, batch: int, clock: Callable[[], float]
) -> float:
    """Seconds of a step of so many jobs, the first one not counted."""
    states = [denoiser.start(f"rehearsal-{place}", plan, conditioning) for place in range(batch)]
    took = []
    for _ in range(plan.sampling.steps):
        begun = clock()
        for state, velocity in zip(states, denoiser.predict(states), strict=True):
            denoiser.advance(state, velocity)
        took.append(clock() - begun)
    if batch == 1:
        denoiser.decode(states[0])
    return min(took[1:] or took)


class WarmUp:
    """What an engine measures before its first job, and what it took over from replicas before it."""

    def __init__(
        self, denoiser: Denoiser, rules: Rules, times: StepTimes, clock: Callable[[], float], headroom: Headroom | None
    ) -> None:
        self.default: Shape | None = None
        self.limits: dict[Shape, tuple[int, int]] = {}  # the largest batch, where memory refused more; bytes left then
        self._denoiser = denoiser
        self._rules = rules
        self._times = times
        self._clock = clock
        self._headroom = headroom or UnlimitedHeadroom()
        self._known = Noted()

    def adopt(self, known: Noted) -> None:
        """Measured by others on the same hardware: it is not measured again."""
        self._known = known
        self._times.adopt(known.times, known.packed)

    def run(self, model: ModelProfile) -> None:
        """The model's first sizes, the default first, and packed steps of them; other batches are tried as jobs come.

        Raises:
            DeviceOutOfMemory: not even one job of the default size fits.
        """
        for number, size in enumerate(_sizes(model)):
            try:
                self._measure(warm_up_plan(model, size))
            except DeviceOutOfMemory as error:
                if number == 0:
                    raise
                let_go(error)
                log.warning("%s of %dx%d pixels does not fit into this device's memory", model.id, *size)
        if self._rules.pack:
            conditioning = conditioning_of(self._denoiser, warm_up_plan(model))
            mixes = mixes_of(model, MOST_SIZES)
            measure_mixes(self._denoiser, conditioning, mixes, self._times, self._rules, self._clock)

    def _measure(self, plan: Plan) -> None:
        shape = shape_of(plan)
        self.default = self.default or shape
        limit = known_limit(self._known, shape, self._headroom.left_bytes())
        made = measure_batches(
            self._denoiser, plan, self._rules.max_batch, self._clock, self._headroom, self._known.times, limit
        )
        for (_, batch), seconds in made.times.items():
            self._times.learn(shape, batch, seconds, settled=True)
        if made.limit is not None:
            self._times.limit(shape, made.limit)
            self.limits[shape] = (made.limit, made.left_bytes)


def _sizes(model: ModelProfile) -> list[tuple[int, int]]:
    """The model's first sizes, and the small one that its default video is made in first, where it is refined."""
    first = list(model.sizes[:MOST_SIZES])
    if model.refined is None:
        return first
    width, height = first[0]
    return [*first, (width // model.refined.shrink, height // model.refined.shrink)]


def known_limit(noted: Noted, shape: Shape, left_bytes: int) -> int | None:
    """The limit that another replica has noted for a shape; None when there is much more room here than it had."""
    limit, had_bytes = noted.limits.get(shape, (0, 0))
    return limit if limit and left_bytes <= 1.1 * had_bytes else None
