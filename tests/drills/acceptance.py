"""A stream of requests through the service over a real Redis, and what became of those that were accepted."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from app.errors import JobNotFound, StoreUnavailable
from app.redis.connection import connect, replicas_of
from app.service.videos import VideoService
from app.settings import Settings
from app.stores import stores_on
from app.types import Caller, VideoRequest
from tests.drills.router_ports import router_ports
from tests.waiting import until

CALLER = Caller()
EVERY_S = 0.02
AT_ONCE = 4
ENOUGH = 200

Durability = Literal["local", "replicated"]


@asynccontextmanager
async def service(url: str, durability: Durability) -> AsyncIterator[VideoService]:
    """The service as a router has it, without Ray: every store that outlives a process is the real one."""
    settings = Settings(redis_url=url, durability=durability, artifacts_url="memory://drill", default_model="shapes")
    redis = connect(url, settings.redis_timeout_s, replicas_of(settings))
    stores = stores_on(redis, settings)
    ports = router_ports(stores, settings)
    try:
        yield VideoService(ports, settings, stores.clock, stores.clock.sync)
    finally:
        await redis.aclose()


@dataclass
class Stream:
    """Requests, each for another video, until somebody calls `stop`."""

    service: VideoService
    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    _seeds: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _over: bool = False

    async def run(self) -> None:
        await asyncio.gather(*(self._post() for _ in range(AT_ONCE)))

    async def more(self, count: int) -> None:
        """Return when so many more have been accepted."""
        goal = len(self.accepted) + count

        async def enough() -> bool:
            return len(self.accepted) >= goal

        await until(enough, within_s=60.0)

    def stop(self) -> None:
        self._over = True

    async def _post(self) -> None:
        while not self._over:
            request = VideoRequest("a red ball", seed=next(self._seeds))
            try:
                self.accepted.append((await self.service.submit(request, CALLER)).id)
            except StoreUnavailable as error:
                self.refused += int(error.retry_after_s > 0)
            await asyncio.sleep(EVERY_S * AT_ONCE)


async def lost(service: VideoService, ids: list[str]) -> list[str]:
    """Those that a client would be told do not exist."""
    gone = []
    for job_id in ids:
        try:
            await service.get(job_id, CALLER)
        except JobNotFound:
            gone.append(job_id)
    return gone


async def drill(
    url: str, durability: Durability, disaster: Callable[[Stream], Awaitable[None]], healed: Callable[[], bool]
) -> tuple[Stream, list[str]]:
    """The stream before, while and after something happens to Redis, and what is lost once all is well again."""
    async with service(url, durability) as ours:
        stream = Stream(ours)
        posting = asyncio.create_task(stream.run())
        try:
            await stream.more(ENOUGH // 4)
            await disaster(stream)
            while len(stream.accepted) < ENOUGH:
                await stream.more(1)
        finally:
            stream.stop()
            with suppress(asyncio.CancelledError):
                await posting

        async def well() -> bool:
            return await asyncio.to_thread(healed)

        await until(well, within_s=60.0, every_s=0.2)
    async with service(url, durability) as anew:  # that knows nothing of what happened
        return stream, await lost(anew, stream.accepted)
