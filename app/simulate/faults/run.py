"""One run of a scenario: begun, shaken, let come to rest, and looked at; what comes out is decided by what goes in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from app.simulate.faults.clients import Clients
from app.simulate.faults.endings import REST_S, check_end, unsettled
from app.simulate.faults.scenario import Scenario
from app.simulate.faults.world import World
from app.simulate.virtual_time import VirtualLoop, run_virtually

LOOK_S = 1.0
NOBODY_S = 3.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `violation`: the first thing that did not hold; None: all did. `digest` is of its trace."""

    seed: int
    violation: str | None
    digest: str
    faults: int
    jobs: int
    virtual_s: float
    lines: Sequence[str] = ()


def run(scenario: Scenario, lines: bool = False) -> Outcome:
    """Run it. `lines`: with its trace, where something did not hold."""

    async def story(loop: VirtualLoop) -> Outcome:
        world = World(scenario, loop)
        await _live(world)
        watch, trace = world.watch, world.trace
        kept = trace.lines if lines else ()
        return Outcome(
            scenario.seed, watch.violation, trace.digest, len(scenario.faults), len(world.jobs.all()), loop.time(), kept
        )

    with _quiet():
        return run_virtually(story)


async def _live(world: World) -> None:
    world.start()
    clients = Clients(world)
    done = asyncio.ensure_future(clients.run())
    over = max((fault.at + fault.lasts_s for fault in world.scenario.faults), default=0.0) + NOBODY_S
    until = over + REST_S
    while world.watch.violation is None:
        await asyncio.sleep(LOOK_S)
        waits = unsettled(world)
        if waits is None and done.done() and world.loop.time() > over:
            break
        if world.loop.time() > until:
            world.watch.broken(f"{waits or 'a client'} still waits, {REST_S:.0f} s after the last fault")
    if world.watch.violation is None:
        done.result()
        check_end(world, clients)
    done.cancel()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a log: a run says what there is to say in its trace."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
