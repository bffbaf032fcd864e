"""What `kinoray simulate load` asks: files and numbers come in as text, are checked, and a simulation is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.plan.tables import load_tables
from app.settings import Settings
from app.settings.read import BadSettings, read_settings
from app.simulate.load import units
from app.simulate.load.figures import LoadFigures, figures_of
from app.simulate.load.find import Condition, Tried, condition, smallest
from app.simulate.load.fleet import Fleet, check_pools
from app.simulate.load.mix import read_mix
from app.simulate.load.outcome import Ran
from app.simulate.load.problem import CannotSimulate
from app.simulate.load.request_kind import RequestKind
from app.simulate.load.simulation import Simulation
from app.simulate.load.step_times import read_step_times
from app.simulate.load.trace import read_trace
from app.simulate.load.traffic import Arrival, drawn

MOST_REQUESTS = 20_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """The options, as they were given; None: not given."""

    step_times: Path
    replicas: Sequence[str]
    rate: str | None = None
    mix: Path | None = None
    trace: Path | None = None
    length: str = "24h"
    swing: float = 0.0
    seed: int = 0
    price: float | None = None
    start: str | None = None
    slots: int | None = None
    max_batch: int | None = None
    max_wait: str | None = None


@dataclass(frozen=True)
class Planned:
    """A load and a fleet, checked."""

    fleet: Fleet
    kinds: tuple[RequestKind, ...]
    seconds: float
    rate: float
    swing: float
    seed: int
    price: float | None
    trace: Sequence[Arrival] | None
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """Load and fleet in a line."""
        pools = ", ".join(
            f"{name}={least}" if least == most else f"{name}={least}..{most}"
            for name, (least, most) in self.fleet.pools.items()
        )
        load = "A trace" if self.trace is not None else f"{self.rate * 3600:g} requests an hour"
        return f"{load} on {pools}"

    def run(self, fleet: Fleet | None = None) -> tuple[Ran, LoadFigures]:
        """One simulation of it, on this fleet or another."""
        arrivals = (
            drawn(self.kinds, self.rate, self.seconds, self.seed, self.swing) if self.trace is None else self.trace
        )
        ran = Simulation(fleet or self.fleet, self.kinds, self.seconds, self.seed).run(arrivals)
        return ran, figures_of(ran, self.price, self.notes)

    def find(self, texts: Sequence[str]) -> tuple[str, int | None, list[Tried], list[Condition]]:
        """The pool, how many replicas it needs, and what was tried. Raises CannotSimulate."""
        conditions = [condition(text, [kind.name for kind in self.kinds]) for text in texts]
        free = [name for name, (least, most) in self.fleet.pools.items() if least != most]
        if len(free) != 1:
            raise CannotSimulate(
                "--find looks for the size of one pool: give it a range, such as --replicas main=1..64, "
                "and every other pool one number."
            )
        pool = free[0]
        least, most = self.fleet.pools[pool]
        found, tried = smallest(
            least, most, lambda count: self.run(self.fleet.with_replicas(pool, count))[1], conditions
        )
        return pool, found, tried, conditions


def planned(asked: Asked) -> Planned:
    """Everything read and checked. Raises CannotSimulate."""
    times = read_step_times(asked.step_times)
    settings = _settings(asked)
    pools: dict[str, tuple[int, int]] = {}
    for text in asked.replicas:
        name, least, most = units.replicas(text)
        if name in pools:
            raise CannotSimulate(f"--replicas names the pool {name!r} twice.")
        pools[name] = least, most
    start_s = settings.replica_start_s if asked.start is None else units.duration(asked.start, "--start")
    fleet = Fleet(pools, settings, times, start_s)
    kinds, trace, seconds, rate, turnaround_s = _load(asked, fleet)
    if turnaround_s is not None:
        fleet = replace(fleet, hops=replace(fleet.hops, pass_s=turnaround_s))
    check_pools(fleet, {kind.plan.pool for kind in kinds})
    guessed = sorted({kind.shape for kind in kinds if not times.measured(kind.shape)})
    notes = [f"Step times: {times.source}"]
    if guessed:
        shapes = ", ".join("x".join(map(str, shape)) for shape in guessed)
        notes.append(f"Not measured, scaled by pixels x frames: {shapes}.")
    return Planned(
        fleet, kinds, seconds, rate, asked.swing, asked.seed, settings.price_per_device_hour, trace, tuple(notes)
    )


def _load(
    asked: Asked, fleet: Fleet
) -> tuple[tuple[RequestKind, ...], Sequence[Arrival] | None, float, float, float | None]:
    price = fleet.settings.price_per_device_hour
    if asked.trace is not None:
        if asked.rate is not None or asked.mix is not None:
            raise CannotSimulate("--trace says who asks for what and when: leave out --rate and --mix.")
        kinds, arrivals, seconds, turnaround_s = read_trace(asked.trace, fleet.times, price)
        return kinds, arrivals, max(1.0, seconds), 0.0, turnaround_s
    if asked.rate is None or asked.mix is None:
        raise CannotSimulate("Say what is asked for: --rate and --mix, or --trace.")
    if not 0.0 <= asked.swing <= 1.0:
        raise CannotSimulate("--swing is a share of the rate, 0 to 1.")
    rate, seconds = units.rate(asked.rate), units.duration(asked.length, "--for")
    if not seconds >= 1.0 or rate * seconds > MOST_REQUESTS:
        raise CannotSimulate(f"--for is at least 1s, and --rate over it at most {MOST_REQUESTS:,} requests.")
    return read_mix(asked.mix, fleet.times, fleet.settings, load_tables()), None, seconds, rate, None


def _settings(asked: Asked) -> Settings:
    """Those of this machine, under what was asked."""
    given: dict[str, Any] = {"slots": asked.slots, "max_batch": asked.max_batch, "price_per_device_hour": asked.price}
    if asked.max_wait is not None:
        given["max_wait_s"] = units.duration(asked.max_wait, "--max-wait")
    wanted = {name: value for name, value in given.items() if value is not None}
    try:
        return read_settings(wanted)
    except (BadSettings, ValidationError) as error:
        raise CannotSimulate(str(error)) from None
