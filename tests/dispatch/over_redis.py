"""A Dispatcher at work over a real Redis, with replicas that the test plays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from app.dispatch.dispatcher import Dispatcher
from app.dispatch.ports import Deliveries
from app.redis.connection import Client
from app.settings import Settings
from app.stores import Stores, stores_on
from tests.dispatch.workers import PlayedWorkers, Replica, Silent, a_replica, holds

__all__ = ["Dispatch", "begin", "dispatch", "stores"]
Dispatch = Callable[..., Awaitable[PlayedWorkers]]


@pytest.fixture
async def stores(settings: Settings, redis: Client) -> Stores:
    return stores_on(redis, settings)  # one that is closed afterwards


@pytest.fixture
async def dispatch(settings: Settings, stores: Stores) -> AsyncIterator[Dispatch]:
    """Start a Dispatcher with one pool of one replica that does that."""
    made: list[Dispatcher] = []

    async def start(replica: Replica = holds, slots: int = 1, **changed: Any) -> PlayedWorkers:
        await stores.jobs.announce(a_replica(slots=slots), 60.0)
        workers = PlayedWorkers(stores, replica)
        made.append(begin(settings.model_copy(update=changed), stores, workers, Silent()))
        return workers

    yield start
    for dispatcher in made:
        dispatcher.check()
        await dispatcher.close()


def begin(settings: Settings, stores: Stores, workers: PlayedWorkers, deliveries: Deliveries) -> Dispatcher:
    """A Dispatcher that has started."""
    made = Dispatcher(settings, stores, workers, workers, deliveries, ("main",))
    made.start()
    return made
