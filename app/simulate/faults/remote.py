"""What stands between a process and the stores: time, errors, answers that are lost, and the end of the process."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from app.errors import StoreUnavailable
from app.simulate.virtual_time import VirtualLoop, VirtualProcess, sleep, turn

QUICK, TURN = 0.6, 0.85  # so many of all calls are answered at once, and so many more when others had their turn
MEAN_S = 0.004  # of the rest
LONGEST = 3.0  # times that: what takes longer is a fault, and drawn as one
TIMEOUT_S = 2.0  # after which a store that is away counts as failed


class Server:
    """A store as those see it who call it from afar: Redis, or the artifact store."""

    def __init__(self, name: str, loop: VirtualLoop, rng: random.Random, mean_s: float = MEAN_S) -> None:
        self.name = name
        self._mean_s = mean_s
        self.away = False
        self.slow_s = 0.0
        self.loses_answers = 0.0  # share
        self.refuses = 0.0  # share
        self._loop = loop
        self._rng = rng
        self.draw = rng.random  # for a call: how quickly it is answered; for an answer: whether others come first

    async def ask(self, draw: float) -> None:
        """The way there. Raises StoreUnavailable."""
        rng = self._rng
        if self.slow_s:
            await sleep(self._loop, rng.expovariate(1 / self.slow_s))
        elif draw > TURN:
            await sleep(self._loop, min(rng.expovariate(1 / self._mean_s), LONGEST * self._mean_s))
        elif draw > QUICK:
            await turn()
        if self.away:
            await asyncio.sleep(rng.choice((0.0, TIMEOUT_S)))
            raise StoreUnavailable(f"{self.name} does not answer.")
        if self.refuses and rng.random() < self.refuses:
            raise StoreUnavailable(f"{self.name} is full.")

    async def lose(self) -> None:
        """The way back, while answers are lost. Raises StoreUnavailable."""
        if self._rng.random() < self.loses_answers:
            await asyncio.sleep(self._rng.choice((0.0, TIMEOUT_S)))
            raise StoreUnavailable(f"An answer of {self.name} was lost.")

    async def linger(self) -> None:
        """The way back, while others have their turn. Raises StoreUnavailable."""
        await turn()
        if self.away:
            raise StoreUnavailable(f"{self.name} went away.")


class DyingProcess(VirtualProcess):
    """A process of the simulation. `dies_at`: the number of the call of a store at which it ends; .5: behind it."""

    def __init__(self, name: str, loop: VirtualLoop) -> None:
        super().__init__(name)
        self.calls = 0
        self.dies_at: float | None = None
        self.died: Callable[[], None] | None = None
        self._loop = loop

    def die_at(self, call: float) -> None:
        """End with that call, counted from the first."""
        self.dies_at, self.doomed = call, True

    def called(self, behind: bool) -> None:
        """A call begins, or has had its effect. Raises CancelledError for one who is dead."""
        if self.dies_at is not None and self.calls + 0.5 * behind >= self.dies_at:
            self.dies_at = None
            self._loop.kill(self)
            if self.died is not None:
                self.died()
        if not self.alive:
            raise asyncio.CancelledError


class Remote:
    """A port of a store, as one process has it: its calls take time, may fail, and have no effect once it is dead."""

    def __init__(self, port: Any, process: DyingProcess, server: Server) -> None:
        self._port = port
        self._process = process
        self._server = server

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if inspect.isasyncgenfunction(found):
            made: Any = self._stream(found)
        elif inspect.iscoroutinefunction(found):
            made = self._call(found)
        else:
            return found
        self.__dict__[name] = made
        return made

    def _call(self, method: Any) -> Any:
        process, server = self._process, self._server

        async def call(*args: Any, **options: Any) -> Any:
            process.calls += 1
            if process.doomed:
                process.called(behind=False)
            draw = server.draw()
            if draw > QUICK or server.away or server.slow_s or server.refuses:  # else it is there at once, as most are
                await server.ask(draw)
                if process.doomed:
                    process.called(behind=False)
            result = await method(*args, **options)
            if process.doomed:
                process.called(behind=True)
            if server.loses_answers:
                await server.lose()
            if server.draw() > TURN:
                await server.linger()
                if process.doomed:
                    process.called(behind=True)
            return result

        return call

    def _stream(self, method: Any) -> Any:
        process, server = self._process, self._server

        async def stream(*args: Any, **options: Any) -> AsyncIterator[Any]:
            process.called(behind=False)
            await server.ask(server.draw())
            async for each in method(*args, **options):
                process.called(behind=False)
                yield each

        return stream
