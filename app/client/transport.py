"""One HTTP request and its retries: JSON out, an answer or a KinorayClientError back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import anyio
import httpx

from app.client.address import checked
from app.client.callers_trace import traced
from app.client.errors import (
    CONNECTION_LOST,
    UNEXPECTED_ANSWER,
    UNREACHABLE,
    KinorayClientError,
    no_answer,
    refusal,
)

Params = Mapping[str, str | int | float | Sequence[str]]
"""What stands in an address behind the question mark; a sequence as one of each."""

FIRST_PAUSE_S = 0.2
BUSY = (429, 502, 503, 504)
UPLOAD_TIMEOUT_S = 300.0
CONNECT_S = 5.0
LONGEST_PAUSE_S = 10.0  # a server that asks for a longer one is not waited for


def retry_pause_s(failure: KinorayClientError, attempt: int, repeatable: bool) -> float | None:
    """Seconds to wait before the same request is sent again; None: it must not be.

    A request that never reached the server may always be repeated, any other only if repeating it changes nothing.
    """
    backoff_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**attempt)
    if failure.code == UNREACHABLE and failure.status == 0:
        return backoff_s
    if not repeatable:
        return None
    if failure.status == 500 and failure.code == "http_500":  # not the API's own: its replica died under the proxy
        return backoff_s
    if failure.status in BUSY:
        asked_s = backoff_s if failure.retry_after_s is None else failure.retry_after_s
        return asked_s if asked_s <= LONGEST_PAUSE_S else None
    return backoff_s if failure.status == 0 and failure.code == CONNECTION_LOST else None


class Transport:
    """A connection pool to one server."""

    def __init__(self, base_url: str, api_key: str | None, timeout_s: float, retries: int) -> None:
        self.base_url = checked(base_url).rstrip("/").removesuffix("/v1")
        self.retries = retries
        self._timeout_s = timeout_s
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.http = httpx.AsyncClient(
            base_url=self.base_url, headers=headers, timeout=httpx.Timeout(timeout_s, connect=CONNECT_S)
        )

    async def send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: Mapping[str, object] | None = None,
        repeatable: bool = True,
        headers: Mapping[bytes, bytes] | None = None,
        patience_s: float = 0.0,
    ) -> httpx.Response:
        """The answer to a request, read whole; it may take `patience_s` more than usual. Raises KinorayClientError."""
        for attempt in count():
            try:
                return await self._once(method, path, params, body, headers, patience_s)
            except KinorayClientError as failure:
                await self.pause(failure, attempt, repeatable)
        raise AssertionError  # count() does not end

    async def _once(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, object] | None,
        headers: Mapping[bytes, bytes] | None,
        patience_s: float,
    ) -> httpx.Response:
        response = await self.ask(method, path, params, body, headers, patience_s)
        if response.is_success:
            return response
        raise refusal(response)

    async def ask(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[bytes, bytes] | None = None,
        patience_s: float = 0.0,
    ) -> httpx.Response:
        """Whatever is answered to one request, refusals too. Raises KinorayClientError when nothing is."""
        try:
            timeout = httpx.Timeout(self._timeout_s + patience_s, connect=CONNECT_S)
            told = traced(headers)
            return await self.http.request(method, path, params=params, json=body, headers=told, timeout=timeout)
        except httpx.TransportError as failure:
            raise no_answer(failure, self.base_url) from failure

    async def upload(self, path: str, file: Path, fields: Mapping[str, str | bool]) -> httpx.Response:
        """The answer to a file, which is read while it is sent. Raises KinorayClientError, OSError."""
        params = {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}
        headers = {"content-type": "application/octet-stream", "content-length": str(file.stat().st_size)}
        try:
            # What the server does with it, once it has it, may take minutes.
            patience = httpx.Timeout(UPLOAD_TIMEOUT_S, connect=5.0)
            response = await self.http.post(
                path, params=params, content=_pieces(file), headers=headers, timeout=patience
            )
        except httpx.TransportError as failure:
            raise no_answer(failure, self.base_url) from failure
        if response.is_success:
            return response
        raise refusal(response)

    async def raw(self, method: str, path: str, headers: Mapping[str, str], content: bytes = b"") -> httpx.Response:
        """The answer to a request with a body of bytes, sent once. Raises KinorayClientError."""
        patience = httpx.Timeout(UPLOAD_TIMEOUT_S, connect=5.0)
        try:
            response = await self.http.request(method, path, content=content, headers=headers, timeout=patience)
        except httpx.TransportError as failure:
            raise no_answer(failure, self.base_url) from failure
        if response.is_success:
            return response
        raise refusal(response)

    async def pause(self, failure: KinorayClientError, attempt: int, repeatable: bool = True) -> None:
        """Wait before another attempt, or raise the failure when there shall be none."""
        pause_s = retry_pause_s(failure, attempt, repeatable)
        if pause_s is None or attempt >= self.retries:
            raise failure
        await anyio.sleep(pause_s)

    @asynccontextmanager
    async def open(self, path: str, params: Params) -> AsyncIterator[httpx.Response]:
        """The answer to a GET, its body still to be read. Raises KinorayClientError."""
        try:
            async with self.http.stream("GET", path, params=params, headers=traced(None)) as response:
                if not response.is_success:
                    await response.aread()
                    raise refusal(response)
                yield response
        except httpx.TransportError as failure:
            raise no_answer(failure, self.base_url) from failure


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(file, "rb") as opened:
        while piece := await opened.read(2**20):
            yield piece


def read_json(response: httpx.Response) -> object:
    """The JSON in an answer. Raises KinorayClientError when a stranger answered."""
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as failure:
        message = f"The answer of {response.url.copy_with(query=None)} is not JSON; is that a Kinoray?"
        raise KinorayClientError(response.status_code, UNEXPECTED_ANSWER, message) from failure
