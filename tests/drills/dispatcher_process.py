"""A dispatcher as a process of its own on a real Redis, whose replicas make every video at once."""

from __future__ import annotations

import asyncio
import sys

from app.dispatch.dispatcher import Dispatcher
from app.redis.connection import connect
from app.settings import Settings
from app.stores import stores_on
from tests.dispatch.workers import PlayedWorkers, Silent, makes

POOLS = ("draft", "main", "words")


async def run(url: str, prefix: str, name: str) -> None:
    settings = Settings(redis_prefix=prefix, dispatchers=2)
    stores = stores_on(connect(url, 5.0), settings)
    workers = PlayedWorkers(stores, makes)
    dispatcher = Dispatcher(settings, stores, workers, workers, Silent(), POOLS, name=name)
    dispatcher.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
