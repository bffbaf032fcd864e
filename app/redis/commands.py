"""Commands of one client, within its time limit, and scripts: how everything in this room speaks to Redis."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from redis.asyncio.client import PubSub
from redis.exceptions import NoScriptError

from app.errors import NotReplicated, StoreUnavailable
from app.redis.connection import RETRY_AFTER_S, Client, Replicas, bounded, named
from app.redis.replies import Word
from app.redis.together import Together

BARRIER = "kinoray:barrier"  # what is published there goes to the replicas, behind all that was written before it
LACKING_S = 2.0  # so long after replicas were found to be lacking, only what must have them waits for them


class Listener(PubSub):
    """A pub/sub connection, with types where redis-py has none."""

    async def aclose(self) -> None:
        await super().aclose()  # type: ignore[no-untyped-call]


class Written(NamedTuple):
    """What a script answered, and whether enough replicas have what it wrote, and all that was written before."""

    answer: Any
    replicated: bool


class Commands:
    """Calls that end in time or raise StoreUnavailable.

    Of a write, `run` says that the master has it. Where the client asks for replicas, `run_promised` and `confirm` say
    that they have it too, `run_shared` and `call_shared` that they have it or that nobody has taken the master's place:
    for what must go on while no replica is there. Without such a client all these are `run` and `call`.
    """

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._timeout_s = redis.timeout_s
        self._together = redis.together = redis.together or Together(redis)

    async def call(self, *words: Word) -> Any:
        """One command."""
        return _sound((await self._together.ask(words))[0])

    async def wait(self, block_s: float, *words: Word) -> Any:
        """One command that waits on the server for up to `block_s`; the answer may come that much later."""
        patient = self._redis.patient
        return await bounded(patient.execute_command(*words), block_s + self._timeout_s)  # type: ignore[no-untyped-call]

    async def all(self, commands: Iterable[Sequence[Word]], atomic: bool = False) -> list[Any]:
        """Several commands in one round trip, and as one transaction when `atomic`."""
        if not atomic:
            return [_sound(answer) for answer in await self._together.ask(*commands)]
        pipe = self._redis.pipeline(transaction=True)
        for words in commands:
            pipe.execute_command(*words)
        answers: list[Any] = await bounded(pipe.execute(), self._timeout_s)
        return answers

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Word]) -> Any:
        """A Lua script, sent once and then named by its digest."""
        rest = (len(keys), *keys, *args)
        answer = (await self._together.ask(("EVALSHA", _digest(script), *rest)))[0]
        # Loading it first would not do: the next command may already go to another master, which does not know it.
        if isinstance(answer, NoScriptError):
            answer = (await self._together.ask(("EVAL", script, *rest)))[0]
        return _sound(answer)

    async def run_promised(self, script: str, keys: Sequence[str], args: Sequence[Word]) -> Written:
        """As `run`, for a write that somebody is told of.

        Raises NotReplicated, and writes nothing, while no replica keeps up; who gets `replicated` False has written,
        and takes it back or says that it may have happened.
        """
        replicas = self._redis.replicas
        if replicas is None:
            return Written(await self.run(script, keys, args), True)
        if self._redis.lacking_since is not None:
            await self.confirm()
        return await self._run(replicas, script, keys, args)

    async def run_shared(self, script: str, keys: Sequence[str], args: Sequence[Word]) -> Any:
        """As `run`. Raises StoreUnavailable when the server that has it is not the master any more."""
        replicas, before = self._redis.replicas, self._master
        if replicas is None:
            return await self.run(script, keys, args)
        if self._lacks():
            written = Written(await self.run(script, keys, args), False)
        else:
            written = await self._run(replicas, script, keys, args)
        return await self._lasting(written, before)

    async def call_shared(self, *words: Word) -> Any:
        """As `call`. Raises as `run_shared`."""
        replicas, before = self._redis.replicas, self._master
        if replicas is None:
            return await self.call(*words)
        if self._lacks():
            written = Written(await self.call(*words), False)
        else:
            written = await self._write(replicas, *words)
        return await self._lasting(written, before)

    async def confirm(self) -> None:
        """Return when replicas have all that the master has by now. Raises NotReplicated."""
        replicas = self._redis.replicas
        if replicas is not None and not (await self._write(replicas)).replicated:
            raise not_replicated()

    def listener(self) -> Listener:
        """A pub/sub connection without a read limit of its own."""
        return Listener(self._redis.patient.connection_pool, ignore_subscribe_messages=True)

    async def _run(self, replicas: Replicas, script: str, keys: Sequence[str], args: Sequence[Word]) -> Written:
        rest = (len(keys), *keys, *args)
        written = await self._write(replicas, "EVALSHA", _digest(script), *rest)
        if isinstance(written.answer, NoScriptError):
            written = await self._write(replicas, "EVAL", script, *rest)
        return written

    async def _write(self, replicas: Replicas, *words: Word) -> Written:
        """On one connection, as WAIT asks for what was written on it; the barrier makes it ask for all."""
        pipe = self._redis.pipeline(transaction=False)
        if words:
            pipe.execute_command(*words)
        pipe.execute_command("PUBLISH", BARRIER, "")
        pipe.execute_command("WAIT", replicas.needed, max(1, int(1000 * replicas.within_s)))
        answers = await bounded(_executed(pipe), self._timeout_s + replicas.within_s)
        replicated = answers[-1] >= replicas.needed
        self._redis.lacking_since = None if replicated else time.monotonic()
        return Written(answers[0], replicated)

    def _lacks(self) -> bool:
        since = self._redis.lacking_since
        return since is not None and time.monotonic() < since + LACKING_S

    @property
    def _master(self) -> object:
        return self._redis.master_watch.address if self._redis.master_watch else None

    async def _lasting(self, written: Written, before: object) -> Any:
        """The answer. Raises StoreUnavailable when another is the master by now, and may know nothing of the write."""
        watch = self._redis.master_watch
        if not written.replicated and watch is not None:
            now = await bounded(watch.discover_master(watch.service), self._timeout_s)
            if before not in (None, now):
                raise StoreUnavailable("Another Redis has become the master.", retry_after_s=RETRY_AFTER_S)
        return written.answer


def _sound(answer: Any) -> Any:
    """The answer. Raises the error that it may be."""
    if isinstance(answer, Exception):
        raise named(answer)
    return answer


async def _executed(pipe: Any) -> list[Any]:
    """The answers; only that a script is not known yet is one of them. Raises what else went wrong."""
    answers: list[Any] = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, NoScriptError):
            raise answer
    return answers


@lru_cache(maxsize=128)
def _digest(script: str) -> str:
    """What Redis calls it."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def not_replicated() -> NotReplicated:
    """The refusal of what could not be put in two places."""
    message = "No replica of Redis confirms what is written; nothing is accepted until one does."
    return NotReplicated(message, retry_after_s=RETRY_AFTER_S)
