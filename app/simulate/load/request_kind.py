"""One kind of request: what it asks of a replica, who asks it and how urgent it is; its plan is what the line sees."""

from __future__ import annotations

from dataclasses import dataclass

from app.plan.cost import Pace, estimate, shape_key
from app.simulate.load.step_times import StepTimes
from app.types import Analysis, ModelProfile, Plan, Sampling, VideoSpec


@dataclass(frozen=True, slots=True)
class RequestKind:
    """`forwards` run the denoiser; together they cost `evaluations` guided ones."""

    name: str
    plan: Plan
    forwards: int
    evaluations: float
    priority: str = "normal"
    deadline_s: float | None = None  # from when it comes
    share: float = 1.0  # of all requests
    tenants: tuple[str, ...] = ("default",)
    repeats: float = 0.0  # share that asks again for what was asked before

    @property
    def shape(self) -> tuple[int, int, int]:
        spec = self.plan.spec
        return spec.frames, spec.height, spec.width


def plan_of(
    kind: str,
    tier: str,
    pool: str,
    spec: VideoSpec,
    sampling: Sampling,
    evaluations: float,
    times: StepTimes,
    price: float | None,
    model: str = "",
) -> Plan:
    """A plan as the line needs it: its work, its pool and its shape, estimated by the planner's own arithmetic."""
    shape = (spec.frames, spec.height, spec.width)
    overhead_s, device_s = times.beside_s(shape)
    pace = Pace(step_times={shape_key(spec): times.step_s(shape)}, overhead_s=overhead_s, device_overhead_s=device_s)
    profile = ModelProfile(
        *(model or kind, "", ""), ((spec.width, spec.height),), (spec.frames,), (1, 60), spec.frames, spec.fps, 1.0, 1.0
    )
    return Plan(
        model=model,
        revision="",
        prompt=kind,
        negative_prompt="",
        spec=spec,
        sampling=sampling,
        tier=tier,
        asked_tier=tier,
        pool=pool,
        estimate=estimate(profile, spec, evaluations, pace, price),
        why=Analysis(0, "simple"),
    )
