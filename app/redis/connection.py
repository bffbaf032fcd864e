"""The way to Redis: clients that never wait longer than they should, and one error for whatever goes wrong there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    InvalidResponse,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeout

from app.errors import StoreFull, StoreUnavailable
from app.redis.reconnecting import reconnecting
from app.redis.sentinels import BlockingMasterPool, MasterPool, MasterWatch
from app.settings import Settings

if TYPE_CHECKING:
    from app.redis.together import Together

T = TypeVar("T")

MAX_CONNECTIONS = 64  # calls beyond this many wait for one to end
MAX_FOLLOWERS = 4096  # connections that wait for news, one each
HEALTH_CHECK_S = 15.0
SENTINEL_PORT = 26379
_SENTINEL = ("redis+sentinel", "rediss+sentinel")
RETRY_AFTER_S = 1.0

GONE = (ConnectionError, RedisTimeout, OSError, InvalidResponse, ReadOnlyError, ClusterDownError)
"""Redis cannot be reached or cannot take writes; anything else from it is a mistake of ours and is not hidden."""

MISTAKES = (RedisError,)
"""What is left of Redis' errors, such as a key of another kind: for who must not fail, whatever is kept there."""

_UNWELL = ("MISCONF", "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "BUSY ")
"""What Redis says, also from inside a script, when it is read-only or starting."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """What must have a write before it counts as made: so many replicas, each waited for no longer than `within_s`."""

    needed: int = 1
    within_s: float = 1.0


def replicas_of(settings: Settings) -> Replicas | None:
    """What the settings ask for."""
    if settings.durability == "local":
        return None
    return Replicas(settings.durability_replicas, settings.durability_timeout_s)


class Client(Redis):
    """A client with a second one beside it, `patient`, for calls that wait on the server until there is news.

    `replicas`: what `Commands` waits for; None: writes count as made when the server has them. `master_watch`: what
    follows the master where there are sentinels.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        waiting: ConnectionPool,
        timeout_s: float,
        watch: MasterWatch | None = None,
        replicas: Replicas | None = None,
    ) -> None:
        super().__init__(connection_pool=pool)
        self.patient = Redis(connection_pool=waiting)
        self.timeout_s = timeout_s
        self.master_watch = watch
        self.replicas = replicas
        self.together: Together | None = None  # `Commands` puts it there, for all that speak by this client
        self.lacking_since: float | None = 0.0  # monotonic; replicas, until they are seen to keep up

    async def aclose(self, close_connection_pool: bool | None = True) -> None:
        """Close every connection of both, and those to sentinels."""
        await self.patient.aclose(close_connection_pool)
        await super().aclose(close_connection_pool)
        if self.master_watch is not None:
            await self.master_watch.aclose()


@dataclass(frozen=True, slots=True)
class SentinelPlace:
    """What a sentinel URL says: who to ask for which service, and how to get in there."""

    watchers: tuple[tuple[str, int], ...]
    service: str
    login: dict[str, str | int | None]  # database, user name and password of the service
    watcher_login: dict[str, str]
    tls: bool


def connect(
    url: str, timeout_s: float, replicas: Replicas | None = None, socket_timeout_s: float | None = None
) -> Client:
    """A client for `redis://`, `rediss://`, `unix://` or sentinels. Nothing is sent until first use.

    A broken connection is tried anew once; each call that is `bounded` ends, with that, after `timeout_s`. Of calls
    that are not, each read and write ends after `socket_timeout_s`, for which redis-py starts a task and two timers.
    Raises ValueError when the URL is none of these (see `sentinel_place`).
    """
    options: dict[str, Any] = {
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": timeout_s,
        "health_check_interval": HEALTH_CHECK_S,
        **({} if url.startswith("unix:") else {"socket_keepalive": True}),
        "retry": Retry(ConstantBackoff(0.05), 1, supported_errors=(ConnectionError,)),
    }
    if urlsplit(url).scheme in _SENTINEL:
        return _by_sentinel(sentinel_place(url), timeout_s, options, replicas)
    pool = BlockingConnectionPool.from_url(url, max_connections=MAX_CONNECTIONS, timeout=timeout_s, **options)
    reconnecting(pool)
    patient = {**pool.connection_kwargs, "socket_timeout": None}
    waiting = ConnectionPool(pool.connection_class, max_connections=MAX_FOLLOWERS, **patient)
    return Client(pool, waiting, timeout_s, replicas=replicas)


def sentinel_place(url: str) -> SentinelPlace:
    """Parts of `redis+sentinel://[user][:password@]host[:port][,host[:port]…]/service[/database]`.

    `rediss+sentinel` speaks TLS to the service; `?sentinel_username=…&sentinel_password=…` are for the sentinels.
    Raises ValueError.
    """
    parts = urlsplit(url)
    who, _, hosts = parts.netloc.rpartition("@")
    path = [unquote(part) for part in parts.path.split("/") if part]
    if not hosts or not 1 <= len(path) <= 2 or not path[-1:][0].isdigit() and len(path) == 2:
        raise ValueError("A sentinel URL is redis+sentinel://host:port,host:port/service/database.")
    user, _, password = (unquote(part) for part in who.partition(":"))
    asked = parse_qs(parts.query)
    secret = {word: asked[f"sentinel_{word}"][0] for word in ("username", "password") if f"sentinel_{word}" in asked}
    login = {"db": int(path[1]) if len(path) == 2 else 0, "username": user or None, "password": password or None}
    watchers = tuple(_host(each) for each in hosts.split(","))
    return SentinelPlace(watchers, path[0], login, secret, parts.scheme == "rediss+sentinel")


def _host(text: str) -> tuple[str, int]:
    """Name and port of "host", "host:port", "[::1]" or "[::1]:port". Raises ValueError."""
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname:
        raise ValueError("A sentinel has no host name.")
    return parts.hostname, parts.port or SENTINEL_PORT


def _by_sentinel(place: SentinelPlace, timeout_s: float, options: dict[str, Any], replicas: Replicas | None) -> Client:
    # Within one call's time the second sentinel must have its turn when the first is gone.
    soon = timeout_s / (len(place.watchers) + 1)
    once = Retry(NoBackoff(), 0)
    watching = {"socket_timeout": soon, "socket_connect_timeout": soon, "retry": once, **place.watcher_login}
    watch = MasterWatch(place.service, place.watchers, 2 * soon, watching)
    options = {**options, **place.login}
    pool = BlockingMasterPool(watch, place.tls, max_connections=MAX_CONNECTIONS, timeout=timeout_s, **options)
    waiting = MasterPool(watch, place.tls, max_connections=MAX_FOLLOWERS, **{**options, "socket_timeout": None})
    return Client(pool, waiting, timeout_s, watch, replicas)


async def bounded(call: Awaitable[T], timeout_s: float) -> T:
    """The call's answer.

    The call runs in a task of its own, so that neither a slow server nor a cancelled caller leaves a connection
    behind half-read. Raises StoreUnavailable when Redis is gone, unwell, or silent for `timeout_s`, and of these
    StoreFull when it lacks memory.
    """
    task = asyncio.ensure_future(call)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        abandon(task)
        raise
    if not done:
        abandon(task)
        raise silent(timeout_s)
    try:
        return task.result()
    except (*GONE, ResponseError) as error:
        ours = named(error)
        if ours is error:
            raise
        raise ours from error


def silent(timeout_s: float) -> StoreUnavailable:
    """What is raised when Redis has not answered for so long."""
    return StoreUnavailable(f"Redis did not answer within {timeout_s:g} s.", retry_after_s=RETRY_AFTER_S)


def named(error: Exception) -> Exception:
    """One of Redis' errors under our name; the very same where it is a mistake of ours, or none of these."""
    if isinstance(error, GONE):
        return StoreUnavailable(f"Redis: {type(error).__name__}.", retry_after_s=RETRY_AFTER_S)
    if isinstance(error, ResponseError):
        if isinstance(error, OutOfMemoryError) or "OOM" in str(error):  # inside a script it is a plain ResponseError
            return StoreFull("Redis is full.", retry_after_s=RETRY_AFTER_S)
        if any(word in str(error) for word in _UNWELL):
            return StoreUnavailable("Redis takes no writes at the moment.", retry_after_s=RETRY_AFTER_S)
    return error


def abandon(task: asyncio.Future[T]) -> None:
    """Have it end; nobody will ask what became of it."""
    task.cancel()
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
