"""Stop signals over Redis pub/sub: a cancelled job stops within a step wherever it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from app.errors import StoreUnavailable
from app.jobs.record import check_id
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands, Listener
from app.redis.connection import GONE, Client, bounded

QUIET_S = 10.0  # a connection silent for longer is asked whether it is still there
LONGEST_PAUSE_S = 2.0


class RedisStops:
    """The StopSignals port. What is sent while a listener is not connected is lost: the fence is the truth."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._timeout_s = redis.timeout_s
        self._channel = Keys(prefix).of("stops")

    async def send(self, job_id: str) -> None:
        await self._commands.call("PUBLISH", self._channel, check_id(job_id))

    async def listen(self) -> AsyncIterator[str]:
        pause_s = 0.1
        while True:
            pubsub = self._commands.listener()
            try:
                await bounded(pubsub.subscribe(self._channel), self._timeout_s)
                while True:
                    message = await self._next(pubsub)
                    pause_s = 0.1
                    if message is not None:
                        yield message
            except StoreUnavailable:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            finally:
                with contextlib.suppress(*GONE):
                    await pubsub.aclose()

    async def _next(self, pubsub: Listener) -> str | None:
        """What was sent; None when the connection is only known to be there."""
        message = await bounded(pubsub.get_message(timeout=QUIET_S), QUIET_S + self._timeout_s)
        if message is None:
            await bounded(pubsub.ping(), self._timeout_s)
            return None
        return str(message["data"].decode()) if message["type"] == "message" else None
