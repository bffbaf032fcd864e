"""Commands of one client, within its time limit, and scripts: how everything in this room speaks to Redis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from redis.asyncio.client import PubSub
from redis.commands.core import AsyncScript

from app.redis.connection import Client, bounded
from app.redis.replies import Word


class Listener(PubSub):
    """A pub/sub connection, with types where redis-py has none."""

    async def aclose(self) -> None:
        await super().aclose()  # type: ignore[no-untyped-call]


class Commands:
    """Calls that end in time or raise StoreUnavailable."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._timeout_s = redis.timeout_s
        self._scripts: dict[str, AsyncScript] = {}

    async def call(self, *words: Word) -> Any:
        """One command."""
        return await bounded(self._redis.execute_command(*words), self._timeout_s)  # type: ignore[no-untyped-call]

    async def wait(self, block_s: float, *words: Word) -> Any:
        """One command that waits on the server for up to `block_s`; the answer may come that much later."""
        patient = self._redis.patient
        return await bounded(patient.execute_command(*words), block_s + self._timeout_s)  # type: ignore[no-untyped-call]

    async def all(self, commands: Iterable[Sequence[Word]], atomic: bool = False) -> list[Any]:
        """Several commands in one round trip, and as one transaction when `atomic`."""
        pipe = self._redis.pipeline(transaction=atomic)
        for words in commands:
            pipe.execute_command(*words)
        answers: list[Any] = await bounded(pipe.execute(), self._timeout_s)
        return answers

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Word]) -> Any:
        """A Lua script, sent once and then named by its digest."""
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(script)
        return await bounded(self._scripts[script](keys=keys, args=args), self._timeout_s)

    def listener(self) -> Listener:
        """A pub/sub connection without a read limit of its own."""
        return Listener(self._redis.patient.connection_pool, ignore_subscribe_messages=True)
