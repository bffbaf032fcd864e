"""Many seeds, on all cores: what fails is shrunk, and said with the command that replays it."""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext

from app.simulate.faults.run import Outcome, run
from app.simulate.faults.scenario import Scenario, draw
from app.simulate.faults.shrink import fewest

CHUNK = 10  # seeds that a process is given at a time
SHOWN = 40  # lines of a trace
LEFT = 200_000  # objects that runs may leave in cycles, some thousand each, before they are looked for
_NAME = re.compile(r"(video|story)_([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Found:
    """A seed in which something does not hold, and what is left of it."""

    seed: int
    violation: str
    scenario: Scenario
    lines: tuple[str, ...]

    def text(self) -> str:
        """For people: what does not hold, the faults that it takes, the last of the trace, and how to see it again."""
        faults = [f"  {fault}" for fault in self.scenario.faults] or ["  none"]
        parts = [f"seed {self.seed}: {self.violation}", "faults:", *faults, "trace:", *self.lines]
        return "\n".join([*parts, f"replay: kinoray simulate faults --seed {self.seed}"])


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search has come to."""

    seeds: int
    found: tuple[Found, ...]
    took_s: float
    jobs: int
    faults: int

    @property
    def per_minute(self) -> float:
        return 60.0 * self.seeds / max(1e-9, self.took_s)


def search(
    first: int, seeds: int, processes: int | None = None, heard: Callable[[int, str | None], None] | None = None
) -> Searched:
    """Run the seeds from the first on. `heard` is told of each in order, and of what did not hold."""
    began, outcomes = time.monotonic(), list[Outcome]()
    with _pool(processes or os.cpu_count() or 1) as pool:
        for outcome in pool.map(one, range(first, first + seeds), chunksize=CHUNK):
            outcomes.append(outcome)
            if heard is not None:
                heard(outcome.seed, outcome.violation)
        found = tuple(pool.map(explained, [each.seed for each in outcomes if each.violation is not None]))
    jobs, faults = sum(each.jobs for each in outcomes), sum(each.faults for each in outcomes)
    return Searched(len(outcomes), found, time.monotonic() - began, jobs, faults)


def one(seed: int) -> Outcome:
    """Run one seed."""
    return run(draw(seed))


def _begin() -> None:
    """What a process has from here on stays, and is not looked through again and again."""
    one(0)
    gc.collect()
    gc.freeze()
    gc.set_threshold(LEFT, *gc.get_threshold()[1:])


def explained(seed: int) -> Found:
    """The seed with the fewest faults in which the same kind of thing fails, and the end of that run's trace."""
    whole = draw(seed)
    first = run(whole).violation or ""
    kind = _kind(first)
    least = fewest(whole, lambda scenario: _kind(run(scenario).violation or "") == kind)
    last = run(least, lines=True)
    return Found(seed, last.violation or first, least, tuple(_telling(last.lines, last.violation or "")))


def replay(seed: int) -> tuple[Outcome, Found | None]:
    """Run one seed as a search does, in a process of its own."""
    with _pool(1) as pool:
        outcome = pool.submit(one, seed).result()
        return outcome, None if outcome.violation is None else pool.submit(explained, seed).result()


def _kind(violation: str) -> str:
    """Without ids and numbers."""
    return re.sub(r"[0-9.]+", "#", _NAME.sub("#", violation))


def _telling(lines: Sequence[str], violation: str) -> Iterator[str]:
    """The last lines about what the violation names, and all faults, births and deaths before it."""
    found = _NAME.search(violation)
    name = found.group(2)[-6:] if found else ""
    about = [
        line
        for line in lines
        if (name and name in line) or any(f" {word} " in line for word in ("fault", "died", "boot", "VIOLATION"))
    ]
    yield from about[-SHOWN:]


def _context() -> BaseContext:
    """Where it can be, what a run needs is imported once for all processes."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes in which the order of sets of strings is the same each time, as everything else is."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        with ProcessPoolExecutor(processes, mp_context=_context(), initializer=_begin) as pool:
            pool.submit(int).result()  # they are begun while the variable is set
            yield pool
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
