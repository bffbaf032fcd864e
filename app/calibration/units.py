"""Units of measuring come in, by one process or several they are measured, and noted as they come; time left is told.

A stage of calibration says in rounds what is to be measured: later rounds may depend on what earlier ones found. What
the notes have is not measured again, so that what was broken off goes on.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.calibration.notes import Notes

Tell = Callable[[str], None]
_IN_HAND = 2  # units that wait at each process, so that none is idle


@dataclass(frozen=True, slots=True)
class Unit:
    """Something to measure: `cost` in guided evaluations, about; `given` is JSON, what measuring it takes beside."""

    key: str
    cost: float
    given: Any = None


class Measurer(Protocol):
    """Measures units; made where it works, with a denoiser of its own."""

    def measured(self, unit: Unit) -> Any:
        """What is found, as JSON."""
        ...


class Stage(Protocol):
    """One table in the making."""

    @property
    def name(self) -> str: ...

    def rounds(self, notes: Notes) -> Iterator[Sequence[Unit]]:
        """What to measure, round by round; the notes have all of a round when the next is asked for."""
        ...

    def told(self, unit: Unit, found: Any) -> str:
        """A result in words."""
        ...


class Hands(Protocol):
    """Who measures."""

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Any]]:
        """Each unit with what was found, as they are done. Closed early, what is not begun is never measured."""
        ...


class OwnHands:
    """This process."""

    def __init__(self, measurer: Measurer) -> None:
        self._measurer = measurer

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Any]]:
        for unit in units:
            yield unit, self._measurer.measured(unit)


class ManyHands:
    """Processes that each have a measurer."""

    def __init__(self, pool: ProcessPoolExecutor, count: int) -> None:
        self._pool, self._count = pool, count

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Any]]:
        waiting, under_way = list(reversed(units)), dict[Future[Any], Unit]()
        try:
            while waiting or under_way:
                while waiting and len(under_way) < _IN_HAND * self._count:
                    unit = waiting.pop()
                    under_way[self._pool.submit(_measured, unit)] = unit
                for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(done), done.result()
        finally:
            for future in under_way:
                future.cancel()


@contextmanager
def hands(make: Callable[[], Measurer], processes: int) -> Iterator[Hands]:
    """So many hands; `make` is called in each process, and must be picklable where there are several."""
    if processes == 1:
        yield OwnHands(make())
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _open, (make,)) as pool:
        yield ManyHands(pool, processes)


_here: list[Measurer] = []


def _open(make: Callable[[], Measurer]) -> None:
    _here[:] = [make()]


def _measured(unit: Unit) -> Any:
    return _here[0].measured(unit)


@dataclass(slots=True)
class Clock:
    """When to stop, and how long it still takes; `now` is a monotonic clock."""

    until: float = float("inf")
    now: Callable[[], float] = time.monotonic
    _began: float = field(default=0.0, init=False)
    _done: float = field(default=0.0, init=False)

    @property
    def over(self) -> bool:
        return self.now() > self.until

    def begin(self) -> None:
        """A round of measuring begins."""
        self._began, self._done = self.now(), 0.0

    def left_s(self, done: float, cost: float) -> float:
        """Seconds that `cost` takes, going by what was measured in this round; `done` was measured just now."""
        self._done += done
        return cost * (self.now() - self._began) / self._done


def work(stage: Stage, notes: Notes, hands: Hands, tell: Tell, clock: Clock) -> bool:
    """Measure a stage as far as time allows; whether all of it is known."""
    for units in stage.rounds(notes):
        missing = [unit for unit in units if unit.key not in notes]
        left = sum(unit.cost for unit in missing)
        clock.begin()
        for unit, found in hands.measure(missing):
            notes.keep(unit.key, found)
            left -= unit.cost
            minutes = clock.left_s(unit.cost, left) / 60
            tell(f"{stage.name}: {stage.told(unit, found)}; {minutes:.1f} min left of this round")
            if clock.over:
                return False
        if clock.over:
            return False
    return True
