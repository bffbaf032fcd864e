"""One attempt: a signed body goes to a URL over a connection to an address that was looked at; a status comes back."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import anyio
import httpcore
import httpx

from app.outbound.addresses import is_public

RESOLVERS = 16  # names looked up at a time; a slow name server holds up webhooks alone
ADDRESSES = 3  # of a name, how many are tried

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host. Raises OSError."""


class Forbidden(Exception):
    """The name leads to no public address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an attempt met: an HTTP status, or a word for what went wrong."""

    status: int | None = None
    error: str | None = None


class Sender:
    """Posts bodies. It follows no redirect, knows no proxy, and reads no more than the head of an answer."""

    def __init__(
        self,
        allow_private: bool,
        timeout_s: float,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._backend = _Checked(allow_private, resolve or _Resolver())
        self._timeout_s = timeout_s
        self._tls = tls or httpcore.default_ssl_context()

    async def post(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what a receiver does; ends within the time limit."""
        answer = Answer(error="timeout")
        with anyio.move_on_after(self._timeout_s):
            answer = await self._post(url, content, headers)
        return answer

    async def _post(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> Answer:
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path.partition(b"#")[0]
        )
        limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)}
        sent = {"host": url.netloc.decode("ascii"), "content-length": str(len(content)), **headers}
        try:
            # A pool for each attempt: the name is looked up, and what it says looked at, every time.
            async with (
                httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._backend) as pool,
                pool.stream("POST", target, headers=list(sent.items()), content=content, extensions=limits) as response,
            ):
                return Answer(status=response.status)
        except Forbidden:
            return Answer(error="forbidden_address")
        except (httpcore.TimeoutException, TimeoutError):
            return Answer(error="timeout")
        except socket.gaierror:
            return Answer(error="unknown_host")
        except httpcore.ConnectError as error:
            return Answer(error="tls_failed" if _is_tls(error) else "connect_failed")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return Answer(error="broken_answer")


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
        allowed = [address for address in found if self._allow_private or is_public(address)]
        if not allowed:
            raise Forbidden(host)
        trouble: httpcore.ConnectError = httpcore.ConnectError("no address")
        for address in allowed[:ADDRESSES]:
            try:
                return await self._under.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                trouble = error
        raise trouble


class _Resolver:
    """The machine's own name service, on threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS, "webhook-names")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self._threads, _look_up, host, port)
        return [str(row[4][0]) for row in rows]


def _look_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _is_tls(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
