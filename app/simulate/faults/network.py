"""Messages between processes: a call of the dispatcher to a replica, of a replica to a finisher. As Serve has them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.dispatch.ports import AttemptLost
from app.errors import KinorayError, PartAway, PartFailed, ServiceUnavailable, StoreUnavailable
from app.simulate.faults.remote import DyingProcess
from app.simulate.virtual_time import VirtualLoop, sleep
from app.types import Measured
from app.types.waveform import Waveform
from app.worker.ports import StoredDraft

Answer = TypeVar("Answer")

MEAN_S = 0.003
LATE_S = 6.0  # the longest that a message is held up
NOTICED_S = 0.1  # after the death of who was called


class Gone(Exception):
    """Who was called has died, or there is nobody."""

    def __init__(self, ran: bool) -> None:
        super().__init__()
        self.ran = ran


class Host(Protocol):
    """A process that can be called."""

    @property
    def name(self) -> str: ...
    @property
    def process(self) -> DyingProcess: ...


class Network:
    """Shares of the messages that are lost, doubled and held up now."""

    def __init__(self, loop: VirtualLoop, rng: random.Random) -> None:
        self.loses = self.doubles = self.delays = 0.0
        self._loop = loop
        self._rng = rng

    async def call(
        self, caller: DyingProcess, host: Host, work: Callable[[], Awaitable[Any]], once: bool = False
    ) -> Any:
        """Have it done there, perhaps twice unless `once`. Raises what it raises, and Gone; or is never answered."""
        caller.called(behind=False)
        answer: asyncio.Future[Any] = self._loop.create_future()
        rng = self._rng
        if self.loses and rng.random() < self.loses:
            return await self._unanswered(answer)
        await self._travel()
        caller.called(behind=False)
        for again in (False, True):
            if again and (once or not self.doubles or rng.random() >= self.doubles):
                break
            self._deliver(host, work, answer, late=again)
        try:
            return await answer
        finally:
            caller.called(behind=True)

    async def _unanswered(self, answer: asyncio.Future[Any]) -> Any:
        """The connection breaks, or the caller waits for ever."""
        if self._rng.random() < 0.5:
            raise Gone(ran=False)
        return await answer

    async def _travel(self) -> None:
        rng = self._rng
        if self.delays and rng.random() < self.delays:
            await asyncio.sleep(rng.uniform(0.0, LATE_S))
        else:
            await sleep(self._loop, rng.expovariate(1 / MEAN_S))

    def _deliver(self, host: Host, work: Callable[[], Awaitable[Any]], answer: asyncio.Future[Any], late: bool) -> None:
        process = host.process
        if not process.alive:
            _settle(answer, Gone(ran=False))
            return

        async def run() -> None:
            if late:
                await self._travel()
            try:
                result = await work()
            except asyncio.CancelledError:
                if process.alive:
                    raise
                self._loop.call_later(NOTICED_S, _settle, answer, Gone(ran=True))
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it goes to the caller
                result = error
            if self.loses and self._rng.random() < self.loses:
                return
            _settle(answer, result)

        task = self._loop.start(process, run())
        del task


def _settle(answer: asyncio.Future[Any], result: Any) -> None:
    if answer.done():
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)


class ReplicaHost(Host, Protocol):
    """A process with a replica in it; `routed`: it is given work."""

    routed: bool
    pool: str

    async def run(self, job_id: str, fence: int) -> None: ...


class VirtualWorkers:
    """The Workers and RollCall ports over the replicas there are."""

    def __init__(
        self, network: Network, caller: DyingProcess, replicas: Callable[[], Sequence[ReplicaHost]], rng: random.Random
    ) -> None:
        self._network = network
        self._caller = caller
        self._replicas = replicas
        self._rng = rng
        self._under_way: Counter[str] = Counter()  # calls, by replica

    def choose(self, there: Sequence[ReplicaHost]) -> ReplicaHost:
        """The least busy, as `deployments.least_busy` has it; one of them where several are."""
        drawn = self._rng.sample(there, len(there))
        return min(drawn, key=lambda host: self._under_way[host.name])

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        """Raises AttemptLost, as the Dispatcher deployment does."""
        there = [each for each in self._replicas() if each.pool == pool and each.routed and each.process.alive]
        if not there:
            raise AttemptLost("DeploymentUnavailableError", replica_at_fault=False)
        host = self.choose(there)
        self._under_way[host.name] += 1
        try:
            await self._network.call(self._caller, host, lambda: host.run(job_id, fence))
        except Gone as gone:
            raise AttemptLost("RayActorError", replica_at_fault=True, died=True) from gone
        except (StoreUnavailable, PartAway) as error:
            raise AttemptLost(type(error).__name__, replica_at_fault=False) from error
        except Exception as error:
            raise AttemptLost(type(error).__name__) from error
        finally:
            self._under_way[host.name] -= 1

    async def present(self, pool: str) -> Collection[str] | None:
        """Who is routed to; None where one does not answer."""
        await asyncio.sleep(self._rng.expovariate(1 / MEAN_S))
        there = [each for each in self._replicas() if each.pool == pool and each.routed and each.process.alive]
        if any(each.process.frozen for each in there):
            return None
        return [each.name for each in there]


class FinisherHost(Host, Protocol):
    """A process with a finisher in it."""

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None: ...
    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft: ...


class VirtualFinishing:
    """The Finishing port over the finishers there are."""

    def __init__(
        self,
        network: Network,
        caller: DyingProcess,
        finishers: Callable[[], Sequence[FinisherHost]],
        rng: random.Random,
    ) -> None:
        self._network = network
        self._caller = caller
        self._finishers = finishers
        self._rng = rng

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        """Raises what the port says, as `deployments.handles`."""
        await self._asked(lambda host: host.finish(job_id, fence, frames, measured, heard))

    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft:
        """Raises as `finish`."""
        return await self._asked(lambda host: host.draft(job_id, fence, frames))

    async def _asked(self, call: Callable[[FinisherHost], Awaitable[Answer]]) -> Answer:
        there = [each for each in self._finishers() if each.process.alive]
        if not there:
            raise ServiceUnavailable("There is no finisher.")
        host = self._rng.choice(there)
        try:
            return await asyncio.wait_for(self._network.call(self._caller, host, lambda: call(host)), 20.0)
        except asyncio.TimeoutError:
            raise ServiceUnavailable("The finisher does not answer.") from None
        except Gone as gone:
            raise (PartFailed if gone.ran else ServiceUnavailable)("The finisher is gone.") from gone
        except KinorayError:
            raise
        except Exception as error:
            raise ServiceUnavailable(f"The finisher failed: {type(error).__name__}.") from error
