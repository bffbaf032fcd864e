"""What is asked of Redis in one pass of the event loop goes there together: one round trip, whoever asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from redis.exceptions import ResponseError

from app.errors import StoreUnavailable
from app.redis.connection import GONE, Client, abandon, named, silent
from app.redis.replies import Word

Asked = tuple[Sequence[Sequence[Word]], asyncio.Future[list[Any]]]


class Together:
    """Gathers commands until the loop has gone round; their order is kept. None of them may wait on the server."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._asked: list[Asked] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sending: set[asyncio.Future[list[Any]]] = set()

    async def ask(self, *commands: Sequence[Word]) -> list[Any]:
        """The answer to each, errors of its own among them. Raises StoreUnavailable."""
        if not commands:
            return []
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # what another loop did not come to, nobody waits for
            self._loop, self._asked = loop, []
        if not self._asked:
            loop.call_soon(self._begin)
        answers: asyncio.Future[list[Any]] = loop.create_future()
        self._asked.append((commands, answers))
        return await answers

    def _begin(self) -> None:
        asked, self._asked = self._asked, []
        answers = self._answers([words for commands, _ in asked for words in commands])
        # As `bounded`, but that nobody's leaving can cut it off half-way: one task does, with a timer beside it.
        task = asyncio.ensure_future(answers)
        late = task.get_loop().call_later(self._redis.timeout_s, self._give_up, asked, task)
        self._sending.add(task)
        task.add_done_callback(partial(self._tell, asked, late))

    def _give_up(self, asked: Sequence[Asked], task: asyncio.Future[list[Any]]) -> None:
        abandon(task)
        for _, answers in asked:
            if not answers.done():
                answers.set_exception(silent(self._redis.timeout_s))

    def _tell(self, asked: Sequence[Asked], late: asyncio.TimerHandle, task: asyncio.Future[list[Any]]) -> None:
        late.cancel()
        self._sending.discard(task)
        error = None if task.cancelled() else task.exception()
        at = 0
        for commands, answers in asked:
            if answers.done():  # who asked has left, or was told that it took too long
                pass
            elif task.cancelled():
                answers.cancel()
            elif error is not None:
                answers.set_exception(_ours(error))
            else:
                answers.set_result(task.result()[at : at + len(commands)])
            at += len(commands)

    async def _answers(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        if len(commands) == 1:
            call: Any = self._redis.execute_command
            try:
                return [await call(*commands[0])]
            except ResponseError as error:
                if isinstance(error, GONE):
                    raise
                return [error]
        pipe = self._redis.pipeline(transaction=False)
        for words in commands:
            pipe.execute_command(*words)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
        return answers


def _ours(error: BaseException) -> BaseException:
    """Under our name, one for each who asked: an exception that several raise would gather the traces of all."""
    if isinstance(error, StoreUnavailable):
        return type(error)(error.message, retry_after_s=error.retry_after_s)
    ours = named(error) if isinstance(error, Exception) else error
    if ours is not error:
        ours.__cause__ = error
    return ours
