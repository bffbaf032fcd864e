"""Reads request bodies whole before they go on, in bounded time and memory: nothing behind it waits for a client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.decompression import too_large
from app.api.problems import of_error, problem
from app.service.decoding import give_back
from app.settings import Settings

LARGER: Final = "/v1/loras"  # whose uploads are files of hundreds of megabytes
GRACE_S: Final = 10.0
"""Before a body is found to be slow: a small one, or one of a client that thinks a while, is not."""
RETRY_AFTER_S: Final = 1


MUCH_BYTES: Final = 32 * 2**20
"""Held at once: after that the allocator is asked for its memory back."""


GIVEN_BACK_S: Final = 1.0  # after the last of them: what read it is done with it by then


@dataclass(frozen=True, slots=True)
class BodyRules:
    """Bytes of one body and of all that are under way, bytes a second at the least, seconds for all of one."""

    max_bytes: int
    max_bytes_of_all: int
    least_bytes_per_s: float
    within_s: float
    streamed: frozenset[str] = frozenset()  # paths whose bodies are larger, and go on as they come
    grace_s: float = GRACE_S


def body_rules(settings: Settings, read_before: bool = False) -> BodyRules:
    """What the settings say. `read_before`: bodies were read whole by the guard of a proxy; one that comes late is not
    its client's fault then, but the proxy's.
    """
    return BodyRules(
        settings.max_body_bytes,
        settings.max_bodies_bytes,
        settings.min_body_rate,
        settings.body_timeout_s,
        frozenset({LARGER}),
        settings.body_timeout_s if read_before else GRACE_S,
    )


class _Refused(Exception):
    """A body that is not read to its end; `answer` says why to its client."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


class Bodies:
    """ASGI middleware: what stands behind it gets a body as one message, when all of it is there.

    413 for one that is too large, by what its header says at once; 408 for one that comes too slowly, 503 with
    Retry-After while those under way take too much memory. One counts until the answer to it begins.
    """

    def __init__(self, app: ASGIApp, rules: BodyRules) -> None:
        self._app = app
        self._rules = rules
        self.held_bytes = 0
        self._most_held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        if scope["path"].rstrip("/") in self._rules.streamed:
            await self._app(scope, self._timed(receive), send)
            return
        held = 0

        def hold(count: int) -> None:
            nonlocal held
            held += count
            self._count(count)

        try:
            try:
                self._check_declared(headers.get("content-length", "0"))
                body = await self._read(receive, hold)
            except _Refused as refused:
                await refused.answer(scope, receive, send)
                return
            if body is None:
                return  # nobody is there any more

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    hold(-held)
                await send(message)

            told = _Told(body, receive)
            del body
            await self._app(scope, told, sent)
        finally:
            hold(-held)

    def _count(self, count: int) -> None:
        self.held_bytes += count
        self._most_held = max(self._most_held, self.held_bytes)
        if not self.held_bytes and self._most_held >= MUCH_BYTES:
            self._most_held = 0
            asyncio.get_running_loop().call_later(GIVEN_BACK_S, self._give_back)

    def _give_back(self) -> None:
        if not self.held_bytes:
            asyncio.get_running_loop().run_in_executor(None, give_back)

    def _timed(self, receive: Receive) -> Receive:
        """A receiver for which a client that sends too slowly has left. What comes is the application's to count."""
        began, size, more = time.monotonic(), 0, True

        async def timed() -> Message:
            nonlocal size, more
            if not more:
                return await receive()
            left_s = began + self._rules.grace_s + size / self._rules.least_bytes_per_s - time.monotonic()
            try:
                with anyio.fail_after(left_s):
                    message = await receive()
            except TimeoutError:
                return {"type": "http.disconnect"}
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
            return message

        return timed

    def _check_declared(self, declared: str) -> None:
        if not (declared.isascii() and declared.isdigit()):
            raise _Refused(problem(400, "invalid_request", "The content-length is not a number."))
        if len(declared) > 18 or int(declared) > self._rules.max_bytes:
            raise _Refused(of_error(too_large(self._rules.max_bytes)))
        if self.held_bytes + int(declared) > self._rules.max_bytes_of_all:
            raise _Refused(self._full())

    async def _read(self, receive: Receive, hold: Callable[[int], None]) -> bytes | None:
        """The whole body; None: its client has left. Raises _Refused."""
        began, parts, size, more = time.monotonic(), list[bytes](), 0, True
        while more:
            left_s = self._deadline_s(size) - (time.monotonic() - began)
            try:
                with anyio.fail_after(left_s):
                    message = await receive()
            except TimeoutError:
                raise _Refused(self._late()) from None
            if message["type"] != "http.request":
                return None
            part, more = message.get("body", b""), message.get("more_body", False)
            if part:
                parts.append(part)
                size += len(part)
                hold(len(part))
            if size > self._rules.max_bytes:
                raise _Refused(of_error(too_large(self._rules.max_bytes)))
            if self.held_bytes > self._rules.max_bytes_of_all:
                raise _Refused(self._full())
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _deadline_s(self, size: int) -> float:
        """How long after its beginning the next byte must be there, when so many are."""
        return min(self._rules.within_s, self._rules.grace_s + size / self._rules.least_bytes_per_s)

    def _late(self) -> Response:
        least, most = self._rules.least_bytes_per_s, self._rules.within_s
        message = f"The body came too slowly: at least {least:,.0f} bytes a second are asked for, all in {most:g} s."
        return problem(408, "request_timeout", message, headers={"connection": "close"})

    def _full(self) -> Response:
        message = "Too many large requests are under way: ask again in a moment."
        return problem(503, "too_many_bodies", message, headers={"retry-after": str(RETRY_AFTER_S)})


class _Told:
    """A receiver that tells the body once, keeps none of it, and then tells what else there is to tell."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._receive = receive

    async def __call__(self) -> Message:
        """The next message."""
        return self._left.pop() if self._left else await self._receive()
