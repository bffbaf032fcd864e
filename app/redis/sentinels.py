"""The server that the sentinels call the master: found, followed when it moves, and no connection kept to another."""

from __future__ import annotations

import asyncio
import contextlib
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.sentinel import (
    MasterNotFoundError,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.exceptions import ConnectionError, RedisError, ResponseError

from app.redis.reconnecting import Writable
from app.redis.replies import mapping

Address: TypeAlias = tuple[str, int]

NEWS = ("+switch-master", "+promoted-slave")  # the second is told by the one that leads the failover, a second sooner
LOOK_S = 2.0  # a sentinel that says nothing is asked; what it said while nobody listened is found so, too
PAUSE_S = 0.5
LATE_S = 0.05  # the last sentinels are waited for as long, once most have answered
REMEMBERED_S = 10.0  # sentinels that all began anew count from 0 again

# redis-py does not say what these take.
_Pool: Any = SentinelConnectionPool
_Connection: Any = SentinelManagedConnection
_TlsConnection: Any = SentinelManagedSSLConnection
_Blocking: Any = BlockingConnectionPool


@dataclass(frozen=True, slots=True)
class Word:
    """What one sentinel says of the master."""

    address: Address
    epoch: int  # grows with each failover
    down: bool


def newest(words: Sequence[Word]) -> Word | None:
    """Whom to believe: for seconds after a failover not all sentinels know of it."""
    return max(words, key=lambda word: (word.epoch, not word.down), default=None)


class MasterWatch:
    """One service as its sentinels see it. Nothing is sent until `discover_master` or `start`."""

    def __init__(self, service: str, hosts: Sequence[Address], within_s: float, login: Mapping[str, Any]) -> None:
        self.service = service
        self.address: Address | None = None
        self._within_s = within_s
        self._watchers = [Redis(host=host, port=port, **login) for host, port in hosts]
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self._tasks: list[asyncio.Task[None]] = []
        self._epoch, self._heard_at = -1, 0.0

    def follow(self, connection: Any) -> None:
        """Have it cut when the master is another than it speaks to."""
        self._connections.add(connection)

    def start(self) -> None:
        """Listen to every sentinel, from the first use on."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen(watcher)) for watcher in self._watchers]

    async def aclose(self) -> None:
        """Close what speaks to the sentinels."""
        left, self._tasks = set(self._tasks), []
        while left:  # a cancel that meets a time-out inside redis-py is lost with it
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=PAUSE_S)
        for watcher in self._watchers:
            await watcher.aclose()

    async def discover_master(self, service: str) -> Address:
        """The master's address, as redis-py's pool asks for it. Raises MasterNotFoundError."""
        words = await self._ask_all()
        if word := newest(words):
            self._note(word)
        states = [word.down for word in words if word.address == self.address]
        if self.address is None or not words or (states and all(states)):
            raise MasterNotFoundError(f"No sentinel knows a master of {service!r} that is up.")
        return self.address

    async def _ask_all(self) -> list[Word]:
        """What they say, without those that are slow or gone."""
        asked = {asyncio.create_task(self._ask(watcher)) for watcher in self._watchers}
        end, most = time.monotonic() + self._within_s, len(asked) // 2 + 1
        pending, words = asked, list[Word]()
        try:
            while pending and (left_s := end - time.monotonic()) > 0:
                done, pending = await asyncio.wait(pending, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                words += [task.result() for task in done if task.exception() is None]
                if len(words) >= most:
                    end = min(end, time.monotonic() + LATE_S)
        finally:
            for task in pending:
                task.cancel()
        return words

    async def _ask(self, watcher: Redis) -> Word:
        """Its epoch first: during a failover an address may then be newer than its epoch, but never older."""
        call: Any = watcher.execute_command  # in separate words, so that redis-py gives the answer as it is
        state = mapping(await call("SENTINEL", "MASTER", self.service))
        host, port = await call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)
        address = (host.decode(), int(port))
        of_it = address == (state[b"ip"].decode(), int(state[b"port"]))  # else of the one that is being replaced
        flags = state[b"flags"].decode().split(",")
        return Word(address, int(state[b"config-epoch"]), of_it and not {"s_down", "o_down"}.isdisjoint(flags))

    async def _listen(self, watcher: Redis) -> None:
        while True:
            pubsub: PubSub = watcher.pubsub(ignore_subscribe_messages=True)
            try:
                await pubsub.subscribe(*NEWS)
                while True:
                    self._note(await self._ask(watcher))
                    await pubsub.get_message(timeout=LOOK_S)
            except (RedisError, OSError, asyncio.TimeoutError, KeyError, ValueError):
                await asyncio.sleep(PAUSE_S)
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _note(self, word: Word) -> None:
        now = time.monotonic()
        if word.epoch < self._epoch and now - self._heard_at < REMEMBERED_S:
            return
        self._epoch, self._heard_at = word.epoch, now
        if word.address == self.address:
            return
        self.address = word.address
        for connection in list(self._connections):
            if connection.speaks_to_another:
                connection.cut()


class _Followed(Writable):
    """A connection that knows whether it still speaks to the master."""

    connection_pool: Any
    host: str
    port: int

    @property
    def speaks_to_another(self) -> bool:
        return bool((self.host, self.port) != self.connection_pool.watch.address)

    def cut(self) -> None:
        """Whoever waits for an answer on it is told that the connection is lost."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """An old master that lives on takes writes until it is told otherwise; a new one may not know yet."""
        await super().on_connect_check_health(check_health)  # type: ignore[misc]
        try:
            await self.send_command("ROLE", check_health=False)
            role = (await self.read_response())[0]
        except ResponseError:  # its user may not ask
            role = b"master"
        if role not in (b"master", "master"):
            raise ConnectionError("The sentinels name a server that is not a master.")
        if self.speaks_to_another:  # by now
            raise ConnectionError("The master has moved.")


class FollowedConnection(_Followed, _Connection):  # type: ignore[misc]
    """To the master, in plain text."""


class FollowedTlsConnection(_Followed, _TlsConnection):  # type: ignore[misc]
    """To the master, over TLS."""


class MasterPool(_Pool):  # type: ignore[misc]
    """Connections to the master; one to a former master is not used again."""

    def __init__(self, watch: MasterWatch, tls: bool, **options: Any) -> None:
        self.watch = watch
        kind = FollowedTlsConnection if tls else FollowedConnection
        super().__init__(watch.service, watch, connection_class=kind, **options)

    def make_connection(self) -> Any:
        connection = super().make_connection()
        self.watch.follow(connection)
        return connection

    async def get_master_address(self) -> Address:
        self.master_address = await self.watch.discover_master(self.service_name)
        return self.master_address

    async def ensure_connection(self, connection: Any) -> None:
        self.watch.start()
        if connection.is_connected and connection.speaks_to_another:
            await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)


class BlockingMasterPool(MasterPool, _Blocking):  # type: ignore[misc]
    """The same; those who want more than the most wait for one to be given back."""
