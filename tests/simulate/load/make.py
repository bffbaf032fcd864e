"""Loads and fleets for the simulator's tests: a device second a step, so that waits can be told by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.settings import Settings
from app.simulate.load.fleet import Fleet, Hops
from app.simulate.load.outcome import Ran
from app.simulate.load.request_kind import RequestKind, plan_of
from app.simulate.load.simulation import Simulation
from app.simulate.load.step_times import StepTimes
from app.simulate.load.traffic import Arrival
from app.types import Sampling, VideoSpec

SHAPE = (9, 64, 64)
TIMES = StepTimes({(SHAPE, 1): 1.0})


def a_kind(name: str = "short", steps: int = 10, **more: Any) -> RequestKind:
    spec, sampling = VideoSpec(64, 64, 9, 8), Sampling(steps, steps, 1.0, 0)
    plan = plan_of(name, "standard", "main", spec, sampling, float(steps), more.pop("times", TIMES), None)
    return RequestKind(name, plan, steps, float(steps), **more)


def a_fleet(least: int = 1, most: int | None = None, times: StepTimes = TIMES, **settings: Any) -> Fleet:
    known = {"slots": 1, "max_batch": 1, "max_wait_s": 1e6, **settings}
    return Fleet({"main": (least, least if most is None else most)}, Settings(**known), times, 30.0, Hops(0.0, 0.5))


def ran(fleet: Fleet, arrivals: Sequence[Arrival], seconds: float = 100.0) -> Ran:
    kinds = list({arrival.kind.name: arrival.kind for arrival in arrivals}.values())
    return Simulation(fleet, kinds, seconds).run(arrivals)


def asked(kind: RequestKind, *times: float, tenant: str = "default", key: str = "") -> list[Arrival]:
    return [Arrival(at, kind, tenant, key or f"{kind.name}-{tenant}-{n}") for n, at in enumerate(times)]
