"""The one way out to hosts that others name: what a name leads to is looked at, and that very address connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final

import httpcore
import httpx

from app.outbound.addresses import is_public

RESOLVERS: Final = 16  # names that one room looks up at a time; a slow name server holds up no other
ADDRESSES: Final = 8  # of a name, how many are tried; each has its part of the time

BROKEN: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, TimeoutError, OSError)
"""What a request may end with that nobody here is to blame for."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host and port. Raises OSError."""


class Forbidden(Exception):
    """The name leads to no public address."""


class Outbound:
    """Requests to hosts that others name. No proxy, no redirect, no decoding; a connection each, closed after it.

    `resolve` is the name service, `tls` what certificates are checked with; both have the usual ones for a default.
    """

    def __init__(self, allow_private: bool, resolve: Resolve, tls: ssl.SSLContext | None = None) -> None:
        self._backend = _Checked(allow_private, resolve)
        self._tls = tls

    @asynccontextmanager
    async def request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], timeout_s: float, content: bytes | None = None
    ) -> AsyncIterator[httpcore.Response]:
        """The answer, its body unread. The name is looked up, and what it says looked at, every time.

        Connecting and each read and write may take `timeout_s`; bounding the whole is the caller's.

        Raises:
            Forbidden: the name leads to no public address.
            socket.gaierror: there is no such name.
            BROKEN: whatever else goes wrong on the way.
        """
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path.partition(b"#")[0]
        )
        sent = {"host": url.netloc.decode("ascii"), **headers}
        limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)}
        tls = self._tls or _usual_tls()
        async with (
            httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=self._backend) as pool,
            pool.stream(method, target, headers=list(sent.items()), content=content, extensions=limits) as response,
        ):
            yield response


class Resolver:
    """The machine's own name service, on threads of its own."""

    def __init__(self, name: str) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS, name)  # they start when they are needed

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Every address once, in the order that it is to be tried in. Raises socket.gaierror."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _look_up, host, port)


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that it has looked at, so that a name cannot mean another one a moment later."""

    def __init__(self, allow_private: bool, resolve: Resolve) -> None:
        self._under = httpcore.AnyIOBackend()
        self._allow_private = allow_private
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = list(dict.fromkeys(await self._resolve(host, port)))
        allowed = [address for address in found if self._allow_private or is_public(address)][:ADDRESSES]
        if not allowed:
            raise Forbidden(host)
        each_s = None if timeout is None else timeout / len(allowed)
        trouble: Exception = httpcore.ConnectError("no address")
        for address in allowed:
            try:
                return await self._under.connect_tcp(address, port, each_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble


def _look_up(host: str, port: int) -> Sequence[str]:
    try:
        rows = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that no name may have
        raise socket.gaierror(socket.EAI_NONAME, "no such name") from error
    return [str(row[4][0]) for row in rows]


@lru_cache(maxsize=1)
def _usual_tls() -> ssl.SSLContext:
    return httpcore.default_ssl_context()
