"""Replicas played by the test: the Dispatcher's ports to them, and what to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import anyio

from app.dispatch.ports import AttemptLost
from app.stores import Stores
from app.types import Event, Job, Measured, ReplicaInfo

PATIENCE_S = 10.0


class Given(NamedTuple):
    """An attempt that a pool was given."""

    pool: str
    job_id: str
    fence: int


Replica = Callable[[Stores, Given], Awaitable[None]]


async def holds(stores: Stores, given: Given) -> None:
    """It has the job and never ends."""
    await asyncio.Event().wait()


async def dies(stores: Stores, given: Given) -> None:
    """With all that it held."""
    raise AttemptLost("RayActorError", died=True)


async def is_full(stores: Stores, given: Given) -> None:
    """It takes nothing."""
    raise AttemptLost("BackPressureError", replica_at_fault=False)


async def makes(stores: Stores, given: Given) -> None:
    """The video is made at once."""
    now = stores.clock()
    await stores.jobs.complete(given.job_id, given.fence, {}, Measured(), now, now + 60.0)


async def leaves(stores: Stores, given: Given) -> None:
    """It hands the job back in good order."""
    await stores.jobs.requeue(given.job_id, given.fence, stores.clock())


class PlayedWorkers:
    """The Workers and RollCall ports. `reached` is who answers, by pool; None: nothing is certain."""

    def __init__(self, stores: Stores, replica: Replica = holds) -> None:
        self.given: list[Given] = []
        self.reached: dict[str, Collection[str] | None] = {}
        self._stores = stores
        self._replica = replica
        self._news: asyncio.Queue[Given] = asyncio.Queue()

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        given = Given(pool, job_id, fence)
        self.given.append(given)
        self._news.put_nowait(given)
        await self._replica(self._stores, given)

    async def present(self, pool: str) -> Collection[str] | None:
        return self.reached.get(pool)

    async def next(self) -> Given:
        """The next attempt that is given out."""
        with anyio.fail_after(PATIENCE_S):
            return await self._news.get()


class Silent:
    """The Deliveries port of a service without webhooks."""

    async def due(self, now: float) -> Sequence[str]:
        return ()

    async def deliver(self, job_id: str) -> None:
        raise AssertionError("nothing is due")


def a_replica(name: str = "replica1", pool: str = "main", slots: int = 1, leaving: bool = False) -> ReplicaInfo:
    return ReplicaInfo(name, pool, "m", slots=slots, running=0, step_s=0.1, seen_at=0.0, leaving=leaving)


async def told(stores: Stores, job: Job, kind: str, after: str | None = None) -> Event:
    """The job's next event of that kind."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            for event in await stores.events.read(job.id, after, PATIENCE_S):
                after = event.id
                if event.kind == kind:
                    return event


def code_of(end: Event) -> object:
    """The code of the error that an end tells."""
    error = end.data["error"]
    assert isinstance(error, Mapping)
    return error["code"]
