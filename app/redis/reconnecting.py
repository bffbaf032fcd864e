"""Connections that pack quickly, and are given up when their server has become a replica: the next finds the master."""

from __future__ import annotations

import contextlib
from typing import Any

import hiredis
from redis.asyncio import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError, ReadOnlyError, ResponseError

READ_ONLY = "READONLY"  # inside a script, older servers say it in the midst of another error


class Writable:
    """A connection that is of no use where nothing may be written: behind one name there may be another server now."""

    _writer: Any
    send_command: Any
    disconnect: Any

    def pack_command(self, *args: Any) -> list[bytes]:
        """As redis-py's own, which does it in Python: of a script with its keys, that was a fifth of a call."""
        if " " not in str(args[0]):  # "CONFIG GET" is two words
            with contextlib.suppress(TypeError):  # what hiredis does not know, redis-py may, or says why not
                return [hiredis.pack_command(args)]
        packed: list[bytes] = super().pack_command(*args)  # type: ignore[misc]
        return packed

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Raises ConnectionError for what a replica says, so that the call is tried again on a new connection."""
        try:
            return await super().read_response(*args, **options)  # type: ignore[misc]
        except ResponseError as error:
            if not isinstance(error, ReadOnlyError) and READ_ONLY not in str(error):
                raise
            await self.disconnect(nowait=True)
            raise ConnectionError("The server has become a replica.") from error


class _Tcp(Writable, Connection):
    pass


class _Tls(Writable, SSLConnection):
    pass


class _Unix(Writable, UnixDomainSocketConnection):
    pass


_KINDS: dict[Any, Any] = {Connection: _Tcp, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}


def reconnecting(pool: ConnectionPool) -> None:
    """Have a pool that has made no connection yet make such ones."""
    pool.connection_class = _KINDS[pool.connection_class]
