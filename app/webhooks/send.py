"""One attempt: a signed body goes out to a URL, and a status, or a word for what went wrong, comes back."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import anyio
import httpcore
import httpx

from app.outbound.connect import BROKEN, Forbidden, Outbound, Resolve, Resolver


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
        self._outbound = Outbound(allow_private, resolve or Resolver("webhook-names"), tls)
        self._timeout_s = timeout_s

    async def post(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what a receiver does; ends within the time limit."""
        answer = Answer(error="timeout")
        with anyio.move_on_after(self._timeout_s):
            answer = await self._post(url, content, headers)
        return answer

    async def _post(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            async with self._outbound.request("POST", url, headers, self._timeout_s, content) as response:
                return Answer(status=response.status)
        except Forbidden:
            return Answer(error="forbidden_address")
        except (httpcore.TimeoutException, TimeoutError):
            return Answer(error="timeout")
        except socket.gaierror:
            return Answer(error="unknown_host")
        except httpcore.ConnectError as error:
            return Answer(error="tls_failed" if _is_tls(error) else "connect_failed")
        except BROKEN:
            return Answer(error="broken_answer")


def _is_tls(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
