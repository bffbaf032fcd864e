"""One run of a scenario: begun, shaken, let come to rest, and looked at; what comes out is decided by what goes in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.errors import KinorayError
from app.simulate.collecting import seldom_collected
from app.simulate.faults.clients import Clients
from app.simulate.faults.endings import REST_S, check_end, unsettled
from app.simulate.faults.scenario import Scenario
from app.simulate.faults.world import World
from app.simulate.virtual_time import VirtualLoop, run_virtually

LOOK_S = 1.0
NOBODY_S = 3.0
UNFORESEEN = "an error that nobody foresaw"


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
        errors.told = world.watch.broken
        loop.set_exception_handler(errors.callback_failed)
        await _live(world)
        watch, trace = world.watch, world.trace
        kept = trace.lines if lines else ()
        return Outcome(
            scenario.seed, watch.violation, trace.digest, len(scenario.faults), len(world.jobs.all()), loop.time(), kept
        )

    with seldom_collected(), _unheard() as errors:  # it ends last, when the world is gone
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


class _Errors(logging.Handler):
    """What is logged with an error of no class of ours: nobody foresaw it, so that it is a bug whatever came of it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: Callable[[str], None] = _nobody

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, (KinorayError, asyncio.CancelledError)):
            self.told(f"{record.getMessage()}: {UNFORESEEN}, {type(error).__name__}: {error}")

    def callback_failed(self, loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        """As the loop's exception handler. What comes of collected tasks comes when it likes, and is passed over."""
        if "handle" in told:
            self.told(f"a callback: {UNFORESEEN}, {told.get('exception')!r}")


def _nobody(what: str) -> None:
    """Before there is anybody to be told, and behind it."""


@contextmanager
def _unheard() -> Iterator[_Errors]:
    """Without a log, but for those who listen to it here: a run says what there is to say in its trace."""
    root, errors, before = logging.root, _Errors(), logging.root.manager.disable
    handlers, root.handlers = root.handlers, [errors]
    logging.disable(logging.INFO)
    try:
        yield errors
    finally:
        errors.told = _nobody
        logging.disable(before)
        root.handlers = handlers
