"""The way to Redis: clients that never wait longer than they should, and one error for whatever goes wrong there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    InvalidResponse,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeout

from app.errors import StoreUnavailable

T = TypeVar("T")

MAX_CONNECTIONS = 64  # calls beyond this many wait for one to end
MAX_FOLLOWERS = 4096  # connections that wait for news, one each
HEALTH_CHECK_S = 15.0
RETRY_AFTER_S = 1.0

GONE = (ConnectionError, RedisTimeout, OSError, InvalidResponse, OutOfMemoryError, ReadOnlyError, ClusterDownError)
"""Redis cannot be reached or cannot take writes; anything else from it is a mistake of ours and is not hidden."""

_UNWELL = ("OOM", "MISCONF", "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "BUSY ")
"""What Redis says, also from inside a script, when it is full, read-only or starting."""


class Client(Redis):
    """A client with a second one beside it, `patient`, for calls that wait on the server until there is news."""

    def __init__(self, pool: ConnectionPool, timeout_s: float) -> None:
        super().__init__(connection_pool=pool)
        options = {**pool.connection_kwargs, "socket_timeout": None}
        waiting = ConnectionPool(pool.connection_class, max_connections=MAX_FOLLOWERS, **options)
        self.patient = Redis(connection_pool=waiting)
        self.timeout_s = timeout_s

    async def aclose(self, close_connection_pool: bool | None = True) -> None:
        """Close every connection of both."""
        await self.patient.aclose(close_connection_pool)
        await super().aclose(close_connection_pool)


def connect(url: str, timeout_s: float) -> Client:
    """A client for `redis://`, `rediss://` or `unix://`. Nothing is sent until first use.

    A broken connection is tried anew once; each call, with that, ends after `timeout_s`.
    Raises ValueError when the URL is none of these.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=HEALTH_CHECK_S,
        **({} if url.startswith("unix:") else {"socket_keepalive": True}),
        retry=Retry(ConstantBackoff(0.05), 1, supported_errors=(ConnectionError,)),
    )
    return Client(pool, timeout_s)


async def bounded(call: Awaitable[T], timeout_s: float) -> T:
    """The call's answer.

    The call runs in a task of its own, so that neither a slow server nor a cancelled caller leaves a connection
    behind half-read. Raises StoreUnavailable when Redis is gone, unwell, or silent for `timeout_s`.
    """
    task = asyncio.ensure_future(_named(call))
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise StoreUnavailable(f"Redis did not answer within {timeout_s:g} s.", retry_after_s=RETRY_AFTER_S)
    return task.result()


async def _named(call: Awaitable[T]) -> T:
    """Redis' errors under our name."""
    try:
        return await call
    except GONE as error:
        raise StoreUnavailable(f"Redis: {type(error).__name__}.", retry_after_s=RETRY_AFTER_S) from error
    except ResponseError as error:
        if any(word in str(error) for word in _UNWELL):
            raise StoreUnavailable("Redis takes no writes at the moment.", retry_after_s=RETRY_AFTER_S) from error
        raise


def _abandon(task: asyncio.Future[Any]) -> None:
    task.cancel()
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
