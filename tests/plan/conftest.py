"""One small model, and a planner over it, for the whole room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN, Pace
from app.plan.planner import make_plan
from app.types import ModelProfile, Plan, VideoRequest

SHAPES = ModelProfile(
    id="kinoray-shapes",
    family="wan",
    revision="1",
    sizes=((128, 128),),
    frames=(5, 9, 13, 17),
    fps=(4, 16),
    default_frames=17,
    default_fps=8,
    guidance=3.0,
    shift=3.0,
    step_s=0.1,
    overhead_s=0.5,
    step_caches=True,
)
CATALOGUE = Catalogue([SHAPES], "kinoray-shapes", {"sora-2": "kinoray-shapes"})


@dataclass(frozen=True)
class Bounds:
    max_prompt_chars: int = 4000
    price_per_device_hour: float | None = None
    device_watts: float | None = None
    pools: Mapping[str, str] = field(default_factory=dict)
    mag_ratios: Mapping[str, Sequence[float]] = field(default_factory=dict)


def plan_for(prompt: str, bounds: Bounds | None = None, pace: Pace = UNKNOWN, **wishes: Any) -> Plan:
    return make_plan(VideoRequest(prompt, **wishes), CATALOGUE, bounds or Bounds(), pace, draw_seed=lambda: 77)


Planned = Callable[..., Plan]


@pytest.fixture
def plan() -> Planned:
    return plan_for
