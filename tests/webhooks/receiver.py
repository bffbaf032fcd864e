"""A receiver of webhooks on this machine: a real socket, answers as told, keeps what came."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Receiver:
    """`answers` are given in turn, the last again and again, each when `may_answer` is set."""

    port: int = 0
    answers: list[bytes] = field(default_factory=lambda: [b"200 OK"])
    may_answer: asyncio.Event = field(default_factory=_set)
    on_request: Callable[[], Awaitable[None]] | None = None  # awaited before each answer
    came: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._now -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, _, value in lines}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        self.came.append((headers, content))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if self.on_request is not None:
            await self.on_request()
        await self.may_answer.wait()
        writer.write(b"HTTP/1.1 " + answer + (b"" if b"\r\n\r\n" in answer else b"\r\ncontent-length: 0\r\n\r\n"))
        await writer.drain()


@asynccontextmanager
async def receiver(tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.meet, "127.0.0.1", port, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
