"""Jobs for the line, most of them defaults."""

from __future__ import annotations

from typing import Any

from app.types import Analysis, Estimate, Job, Phase, Plan, ReplicaInfo, Sampling, VideoSpec, Wishes


def job(number: int, pool: str = "main", step_seconds: float = 2.0, **more: Any) -> Job:
    plan = Plan(
        model="m",
        revision="r",
        prompt="p",
        negative_prompt="",
        spec=VideoSpec(64, 64, 17, 8),
        sampling=Sampling(steps=20, budget=20, guidance=3.0, seed=0),
        tier="standard",
        asked_tier="auto",
        pool=pool,
        estimate=Estimate(step_seconds, step_seconds + 1),
        why=Analysis(0, "simple"),
    )
    wishes = Wishes(**{name: more.pop(name) for name in ("priority", "after") if name in more})
    known = {"tenant": "t", "created_at": float(number), "phase": Phase.QUEUED, "wishes": wishes, **more}
    return Job(id=f"job-{number}", plan=plan, **known)


def at_work(number: int, **more: Any) -> Job:
    return job(number, phase=Phase.DENOISING, **more)


def replica(pool: str = "main", slots: int = 2) -> ReplicaInfo:
    return ReplicaInfo(replica="x", pool=pool, model="m", slots=slots, running=0, step_s=0.1, seen_at=0.0)
