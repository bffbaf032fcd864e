"""Jobs for tests."""

from __future__ import annotations

import uuid
from dataclasses import fields, replace
from typing import Any

from app.types import Analysis, Artifact, Estimate, Factor, Job, Phase, Plan, ReplicaInfo, Sampling, VideoSpec, Wishes

PLAN = Plan(
    model="kinoray-shapes",
    revision="1",
    prompt="a red ball, ünïcödé 球",
    negative_prompt="",
    spec=VideoSpec(64, 64, 17, 8),
    sampling=Sampling(steps=20, budget=12, guidance=3.0, seed=7),
    tier="standard",
    asked_tier="auto",
    pool="main",
    estimate=Estimate(1.5, 2.0),
    why=Analysis(40, "simple", (Factor("length", 3, ("red", "ball")),), ("It is short.",)),
)
WISHES = {each.name for each in fields(Wishes)} - {"cache"}  # which is, of a job, how the caches served it
VIDEO = Artifact("job/1/video.mp4", "video/mp4", 1234)


def a_job(created_at: float = 100.0, **changed: Any) -> Job:
    """A job with those fields, and those of its wishes."""
    job = Job(id=f"video_{uuid.uuid4().hex}", tenant="public", plan=PLAN, phase=Phase.QUEUED, created_at=created_at)
    wishes = Wishes(**{name: changed.pop(name) for name in WISHES & changed.keys()})
    return replace(job, **{"wishes": wishes, **changed})


def a_replica(name: str = "r1") -> ReplicaInfo:
    return ReplicaInfo(name, "main", "kinoray-shapes", slots=4, running=1, step_s=0.05, seen_at=100.0)
