"""The Planner port of a simulation: plans that are small and quick to make, of as many kinds as matter to a fault."""

from __future__ import annotations

from app.types import Analysis, Caller, Estimate, ModelProfile, Plan, Sampling, VideoRequest, VideoSpec

MODELS = {
    pool: ModelProfile(
        id=f"virtual-{pool}",
        family="virtual",
        revision="1",
        sizes=((64, 64), (96, 64)),
        frames=(9, 17),
        fps=(4, 16),
        default_frames=17,
        default_fps=8,
        guidance=3.0,
        shift=3.0,
        pool=pool,
        step_s=0.1,
        overhead_s=0.1,
        takes_image=True,
        makes_sound=pool == "other",
    )
    for pool in ("main", "other")
}
BESIDE_S = 0.5  # decoding, and storing where that is slow
WHY = Analysis(0, "simple")


class QuickPlanner:
    """Takes requests at their word; every fourth prompt is of another shape."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        """Never refuses."""
        pool = (request.model or "virtual-main").removeprefix("virtual-")
        model, steps = MODELS[pool], request.steps or 6
        budget = max(1, (2 * steps) // 3)
        width, height = (96, 64) if len(request.prompt) % 4 == 0 else (64, 64)
        return Plan(
            model=model.id,
            revision=model.revision,
            prompt=request.prompt,
            negative_prompt="",
            spec=VideoSpec(request.width or width, request.height or height, 17, request.fps or 8),
            sampling=Sampling(
                steps=steps, budget=budget, guidance=3.0, seed=7 if request.seed is None else request.seed
            ),
            tier="standard",
            asked_tier="auto",
            pool=pool,
            estimate=Estimate(budget * self._step_s, budget * self._step_s + BESIDE_S),
            image=request.image,
            why=WHY,
            sound=model.makes_sound,
        )
