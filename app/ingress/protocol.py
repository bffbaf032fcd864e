"""Uvicorn's HTTP protocol with an eye on the clock: bytes of clients come in, slow and fat ones are let go."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.ingress.connections import Connections, Refusal, Rules
from app.ingress.refusals import refusal
from app.settings.proxies import is_trusted

log = logging.getLogger(__name__)
SWEEP_S: Final = 0.5
ROOM: Final = 32  # connections that make room at once when there are too many
LINGER_S: Final = 1.0
READ_BYTES: Final = 2**18  # what asyncio reads at once
REFUSED_TIMES: Final = 10
"""What is left of a refused body is read, and dropped, up to so many of the largest: so that the answer is heard."""
_LATE = (408, "request_timeout", "The request did not come in time.")
_LONG = (431, "headers_too_large", "The headers are too large.")
_FAT = (413, "payload_too_large", "The body is too large.")
_OF_ADDRESS = (429, "too_many_connections", "There are too many connections from your address.")
_OF_ALL = (503, "too_many_connections", "There are too many connections at the moment.")


class Guard:
    """The rules, the connections of one process, and what lets the slow ones go."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.connections: Connections[GuardedProtocol] = Connections(rules)
        self._sweeping: asyncio.TimerHandle | None = None

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look after the connections as long as there are any."""
        if self._sweeping is None:
            self._sweeping = loop.call_later(SWEEP_S, self._sweep, loop)

    def counts(self, address: str) -> bool:
        """Whether connections from there are those of one client."""
        return self.rules.by_address and bool(address) and not is_trusted(address, self.rules.trusted)

    def refused(self, address: str, counted: bool) -> Refusal | None:
        """Whether one more may come, if need be in the place of the oldest unfinished ones; else why not."""
        why = self.connections.refused(address, counted)
        if why is None:
            return None
        for connection in self.connections.crowding(why, address, ROOM, time.monotonic()):
            connection.let_go(_OF_ADDRESS if why == "address" else _OF_ALL)
        return self.connections.refused(address, counted)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeping = None
        now = time.monotonic()
        slow, deaf = self.connections.too_slow(now), self.connections.deaf(now)
        for connection in slow:
            connection.let_go(_LATE)
        for connection in deaf:
            connection.break_off()
        if slow or deaf:
            log.info("%d slow clients were let go, and %d that read nothing", len(slow), len(deaf))
        if len(self.connections):
            self.watch(loop)


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `guard` is set on the class that is made for a server, see `guarded`."""

    guard: Guard

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = True
        self._message_bytes = 0  # of the head while that comes in, then of the body with its chunks
        self._head_bytes = 0
        self._framing_bytes = 0  # since the last byte of a body
        self._ended = False
        self._larger = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it in, or refuse it in words."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        counted = self.guard.counts(address)
        connections = self.guard.connections
        why = self.guard.refused(address, counted)
        if why is not None:
            self._answer(_OF_ADDRESS if why == "address" else _OF_ALL)
            return
        connections.opened(self, address if counted else "")
        self._expect_head()
        self.guard.watch(self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.guard.connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless there is too much of it."""
        if self._ended or self.transport.is_closing():
            return
        if not self._in_head and self._idle():
            self._expect_head()
        self._message_bytes += len(data)
        self._framing_bytes += len(data)
        super().data_received(data)
        if self._ended or self.transport.is_closing():
            return
        rules = self.guard.rules
        if self._in_head and self._message_bytes > rules.header_bytes:
            self.let_go(_LONG)
        elif not self._in_head and self._framing_bytes > rules.header_bytes + READ_BYTES:
            self.let_go(_LONG)  # trailers, which the parser would keep
        elif not self._in_head and self._message_bytes > self._most_bytes() + rules.header_bytes:
            self.let_go(_FAT)

    def on_message_begin(self) -> None:
        """Its head comes in from here on."""
        super().on_message_begin()
        self._head_bytes = 0
        if not self._in_head:  # right behind the one before
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Part of the head."""
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Part of the head, or of the trailer, which nobody wants."""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self.guard.rules.header_bytes:
            raise ValueError("too many headers")  # the parser stops, and `send_400_response` says why
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its body comes in from here on, and has some time more than what reads it gives it."""
        self._in_head, self._message_bytes = False, 0
        rules = self.guard.rules
        self._larger = rules.takes_larger(self.url.partition(b"?")[0])
        for_s = rules.larger_s if self._larger else rules.body_s + 2 * SWEEP_S
        self.guard.connections.owes(self, time.monotonic(), for_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._framing_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Nothing is owed any more."""
        self._framing_bytes = 0
        self.guard.connections.finished(self)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """It is a WebSocket from here on, with rules of its own."""
        self.guard.connections.closed(self)
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """What the parser does not read: for its size, or else for its shape."""
        if self._head_bytes > self.guard.rules.header_bytes:
            self.let_go(_LONG)
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """Its client is behind with reading."""
        self.guard.connections.reads_nothing(self, time.monotonic())
        super().pause_writing()

    def resume_writing(self) -> None:
        """Its client has read."""
        self.guard.connections.reads(self)
        super().resume_writing()

    def let_go(self, why: tuple[int, str, str]) -> None:
        """End it, in words where no answer has begun and some of a request has come."""
        self.guard.connections.closed(self)
        if self._ended or self.transport.is_closing():
            return
        silent = self._in_head and not self._message_bytes
        if silent or (not self._idle() and not self._in_head and self.cycle.response_started):
            self.transport.close()
        elif self._in_head and not self._idle():
            self.transport.close()  # an answer to the request before this one is under way
        else:
            self._answer(why)

    def break_off(self) -> None:
        """End it at once: what was written is not wanted."""
        self.guard.connections.closed(self)
        self.transport.abort()

    def _answer(self, why: tuple[int, str, str]) -> None:
        """Say it, and drop for a moment what still comes: an end with bytes unread would take the words with it."""
        self._ended = True
        self.transport.write(refusal(*why))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(LINGER_S, self.transport.close)
        else:  # TLS
            self.transport.close()

    def _most_bytes(self) -> int:
        rules = self.guard.rules
        return max(REFUSED_TIMES * rules.body_bytes, 2 * rules.larger_bytes if self._larger else 0)

    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._in_head, self._message_bytes = True, 0
        self.guard.connections.owes(self, time.monotonic(), self.guard.rules.header_s)


def guarded(guard: Guard) -> type[GuardedProtocol]:
    """The class of a server's connections."""
    return type("Guarded", (GuardedProtocol,), {"guard": guard})
