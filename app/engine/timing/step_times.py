"""How long forwards take, by shape and batch size: measured at start-up and at work, read by ETAs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from app.engine.timing.job_time_fit import JobTimeFit
from app.engine.timing.pack_times import PackTimes
from app.line.batcher import Profile, Rules, Shape
from app.line.packing import Mix, mix_of, saved_s
from app.line.profile import fitting_size, useful_sizes
from app.types import Analysis, Estimate, ModelProfile, Plan, Sampling, VideoSpec

_FASTER, _SLOWER = 0.2, 0.04  # weights of a new time in the running mean, when it is below and above it
_RUNS = 3  # forwards per batch size in a profile; the first only warms up
_SETTLED = 3  # times of a batch size, after which it can be judged
_STALE = 200  # steps of a shape, after which a batch size not formed since is tried anew

Times = dict[tuple[Shape, int], float]  # seconds a step takes by shape and batch size


def shape_of(plan: Plan, step: int = 0) -> Shape:
    """What a step's time is known by, (frames, height, width): at a step that of its plan's stage.

    What a job is shown counts as frames, as far as it steps with the video; who shares a forward is decided by latents.
    """
    spec = plan.stepped_at(step)
    return (spec.frames, spec.height, spec.width)


class StepTimes:
    """Running means of step times, as a profile for the batcher."""

    def __init__(self) -> None:
        self._means: Times = {}
        self._seen: Counter[tuple[Shape, int]] = Counter()
        self._steps: Counter[Shape] = Counter()
        self._last: dict[tuple[Shape, int], int] = {}  # the shape's step at which a batch size was last formed
        self._limits: dict[Shape, int] = {}
        self._profile = Profile()
        self._packs = PackTimes()
        self._whole: dict[Shape, JobTimeFit] = {}

    @property
    def limits(self) -> dict[Shape, int]:
        """The largest batch of a shape, where memory has refused a larger one."""
        return dict(self._limits)

    @property
    def times(self) -> Times:
        return dict(self._means)

    @property
    def profile(self) -> Profile:
        """What is known now."""
        return self._profile

    def learn(self, shape: Shape, batch: int, seconds: float, settled: bool = False) -> None:
        """Take in one step's time, or one that was `settled` by measuring several. The first may be a slow start."""
        size = (shape, batch)
        self._steps[shape] += 1
        if self._seen[size] >= _SETTLED and self._steps[shape] - self._last[size] > _STALE:
            self._seen[size] = 0
        self._last[size] = self._steps[shape]
        seen = self._seen[size]
        if settled or not seen:
            self._means[size] = seconds
        elif seen < _SETTLED:
            self._means[size] = min(self._means[size], seconds)
        else:
            # What disturbs a step only ever adds to it: a burst of slow steps must not make a batch size look bad.
            weight = _FASTER if seconds < self._means[size] else _SLOWER
            self._means[size] += weight * (seconds - self._means[size])
        self._seen[size] = _SETTLED if settled else seen + 1
        self._publish()

    def learn_batch(self, shapes: Sequence[Shape], seconds: float, passes: Sequence[float] = ()) -> None:
        """Take in the time of a forward of jobs with these shapes.

        `passes`: what of a guided step each ran, if not the whole of it. Two halves of one shape are a step of one job;
        what is no whole number of steps, or of several shapes, is no such measurement.
        """
        if any(each != 1.0 for each in passes):
            whole = float(sum(passes))
            if len(set(shapes)) > 1 or whole < 1 or not whole.is_integer():
                return
            shapes = list(shapes[:1]) * int(whole)
        mix = mix_of(shapes)
        if len(mix) == 1:
            self._packs.pass_by()
            self.learn(*mix[0], seconds)
        else:
            self.learn_mix(mix, seconds)

    def learn_mix(self, mix: Mix, seconds: float, settled: bool = False) -> None:
        """Take in the time of a packed forward, or one that was `settled` by measuring several."""
        self._packs.learn(mix, seconds, settled)
        self._publish()

    def refuse(self, shapes: Sequence[Shape], memory: bool) -> None:
        """A forward of jobs with these shapes failed, for want of `memory` or otherwise, where each by itself does not.

        What memory refused stays half as large, never below 1; a packed one is not formed again.
        """
        mix = mix_of(shapes)
        if len(mix) > 1:
            self._packs.refuse(mix, memory)
            self._publish()
        elif memory:
            self.limit(mix[0][0], mix[0][1] // 2)

    @property
    def packed(self) -> dict[Mix, float]:
        """Seconds of packed forwards, by mix."""
        return dict(self._packs.published.times)

    def learn_job(self, shape: Shape, evaluations: float, denoise_s: float) -> None:
        """Take in the seconds of a job that went from noise to its last step with the device to itself.

        They are not what the batcher compares batch sizes by: they lean to neither side and have the time between
        steps in them, so that predictions are right on average. `evaluations` are guided ones.
        """
        if evaluations >= 1 and denoise_s > 0.0:
            self._whole.setdefault(shape, JobTimeFit()).learn(evaluations, denoise_s)

    def expected_s(self, shape: Shape) -> float:
        """Seconds per evaluation that a job alone will take: by whole jobs, else by steps; 0 when nothing is known."""
        return self._line(shape)[1]

    def begin_s(self, shape: Shape) -> float:
        """Seconds that a job alone takes beside that, from joining to its last step; 0 when nothing is known."""
        return self._line(shape)[0]

    def _line(self, shape: Shape) -> tuple[float, float]:
        step_s = self.step_s(shape, 1)
        return self._whole[shape].fit(step_s) if shape in self._whole else (0.0, step_s)

    def adopt(self, times: Mapping[tuple[Shape, int], float], packed: Mapping[Mix, float] | None = None) -> None:
        """Take what another replica on the same hardware has measured, where nothing is known yet."""
        for mix, seconds in (packed or {}).items():
            if mix not in self._packs.published.times:
                self.learn_mix(mix, seconds, settled=True)
        for (shape, batch), seconds in times.items():
            if (shape, batch) not in self._means:
                self.learn(shape, batch, seconds, settled=True)

    def limit(self, shape: Shape, batch: int) -> None:
        """Memory does not hold more than `batch` jobs of this shape in one forward; 1 is always tried."""
        self._limits[shape] = max(1, min(batch, self._limits.get(shape, batch)))
        self._publish()

    def step_s(self, shape: Shape, batch: int) -> float:
        """Seconds of a step of `batch` jobs, or what the nearest known batch size takes; 0 when none is known."""
        return self._profile.step_s(shape, batch)

    def round_s(self, shapes: Sequence[Shape], rules: Rules) -> float:
        """Seconds until each of the jobs with these shapes has stepped, in batches of sizes that pay, or packed."""
        if len(shapes) == 1:
            return self.step_s(shapes[0], 1)
        total = 0.0
        for shape, count in Counter(shapes).items():
            sizes = useful_sizes(self._profile, shape, rules.max_batch, rules.gain)
            while count > 0:
                size = fitting_size(sizes, count)
                total += count // size * self.step_s(shape, size)
                count %= size
        return total - saved_s(self._profile, shapes, rules)

    def rounds_s(self, jobs: Iterable[tuple[str, Shape]], rules: Rules) -> Mapping[str, float]:
        """By tenant, the seconds in which each of its jobs steps once, beside the others of these (tenant, shape).

        Those of a round of all jobs, or of its own at its share of the device, where that is less.
        """
        own: dict[str, list[Shape]] = {}
        for tenant, shape in jobs:
            own.setdefault(tenant, []).append(shape)
        whole_s = self.round_s([shape for shapes in own.values() for shape in shapes], rules)
        if len(own) < 2:
            return dict.fromkeys(own, whole_s)
        weight = sum(map(rules.weight, own))
        return {
            tenant: min(whole_s, weight / rules.weight(tenant) * self.round_s(shapes, rules))
            for tenant, shapes in own.items()
        }

    def _publish(self) -> None:
        fresh = {
            size
            for size, seen in self._seen.items()
            if seen >= _SETTLED and self._steps[size[0]] - self._last[size] <= _STALE
        }
        self._profile = Profile(dict(self._means), frozenset(fresh), dict(self._limits), self._packs.published)


def warm_up_plan(model: ModelProfile, size: tuple[int, int] | None = None) -> Plan:
    """A plan of the model's default shape, or of another size, just long enough to be measured."""
    width, height = size or model.sizes[0]
    return Plan(
        model=model.id,
        revision=model.revision,
        prompt="a rehearsal",
        negative_prompt="",
        spec=VideoSpec(width, height, model.default_frames, model.default_fps),
        sampling=Sampling(
            steps=_RUNS,
            budget=_RUNS,
            guidance=model.guidance,
            seed=0,
            sampler=model.samplers[0],
            shift=model.shift,
        ),
        tier="",
        asked_tier="",
        pool=model.pool,
        estimate=Estimate(0.0, 0.0),
        why=Analysis(0, ""),
    )
