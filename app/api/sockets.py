"""An event feed over a WebSocket to a client which may ask to cancel meanwhile, and may leave at any time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import unquote

import anyio
import orjson
from fastapi import WebSocket
from pydantic import ValidationError
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from app.access.opening import Access
from app.access.scopes import require
from app.api.audit import note_socket
from app.api.auth import entered
from app.api.event_feed import FeedEvent
from app.api.followers import Followers, followers_of
from app.api.problems import error_body, sentence
from app.api.requests.json_text import json_value
from app.api.requests.strict import Strict
from app.errors import InvalidRequest, KinorayError, PayloadTooLarge
from app.settings import Settings
from app.types import Caller

KEY = "kinoray-key."
"""Begins the subprotocol that carries a key, percent-encoded where it must be: a browser cannot send headers here."""

MOST_MESSAGE_BYTES = 4096
DONE = 1000
# By the status that HTTP would have answered.
_CLOSED = {401: 4401, 403: 4403, 404: 4404, 413: 1009, 429: 1013, 503: 1013}
_BROKEN = 1011


class ClientMessage(Strict):
    """What a client may say."""

    type: Literal["cancel"]


@dataclass(frozen=True, slots=True)
class Followed:
    """What is told over a socket: who may hear it and who may stop it, by scope, and how either is done."""

    reads: str
    writes: str
    feed: Callable[[Caller], Awaitable[AsyncGenerator[Sequence[FeedEvent], None]]]
    cancel: Callable[[Caller], Awaitable[object]]


async def tell(socket: WebSocket, what: Followed, settings: Settings, access: Access) -> None:
    """Tell it in messages `{"event", "id", "data"}`, then close with 1000.

    What is wrong is told as the event `error`. Then the socket is closed with 4401 (key), 4403 (its scopes), 4404 (no
    such thing), 1009 (the client's message is too large) or 1013 (come again later); after a message not understood,
    or one that the key may not send, it goes on.
    """
    key = next((each for each in socket.scope.get("subprotocols", ()) if each.startswith(KEY)), None)
    await socket.accept(key)
    with suppress(WebSocketDisconnect):  # the client has left: there is nobody to tell
        try:
            who = await _who(socket, key, settings)
            require(who, (what.reads,))
            feed = await what.feed(who)
            listen = partial(_listen, socket, partial(_cancel, socket, what, settings, access, who))
            with followers_of(socket).seat():
                code = await _whichever_ends_first(partial(_send_feed, socket, feed, followers_of(socket)), listen)
        except KinorayError as error:
            note_socket(socket, settings, access.writer, error)
            code = await _refuse(socket, error)
        if code is not None:
            await socket.close(code)


async def _who(socket: WebSocket, key: str | None, settings: Settings) -> Caller:
    """The tenant, by the header or, without one, by the subprotocol. Raises Unauthorized."""
    authorization = socket.headers.get("authorization")
    if authorization is None and key is not None:
        authorization = f"Bearer {unquote(key.removeprefix(KEY))}"
    return await entered(socket, settings, authorization)


async def _cancel(socket: WebSocket, what: Followed, settings: Settings, access: Access, who: Caller) -> None:
    try:
        require(who, (what.writes,))
        await what.cancel(who)
    except KinorayError as error:
        note_socket(socket, settings, access.writer, error)
        raise
    note_socket(socket, settings, access.writer, None)


async def _whichever_ends_first(*parts: Callable[[], Awaitable[int | None]]) -> int | None:
    """The close code of the part that ended first, the others being stopped; None when the client has left."""
    code: int | None = None

    async def run(part: Callable[[], Awaitable[int | None]]) -> None:
        nonlocal code
        try:
            code = await part()
        except WebSocketDisconnect:
            code = None
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for part in parts:
            group.start_soon(run, part)
    return code


async def _send_feed(socket: WebSocket, feed: AsyncGenerator[Sequence[FeedEvent], None], followers: Followers) -> int:
    try:
        async with aclosing(feed):
            async for batch in feed:
                for each in batch:
                    await _send(socket, each.kind, each.data, each.id)
                await anyio.sleep(followers.pause_s if batch[-1].kind != "end" else 0.0)
    except KinorayError as error:
        return await _refuse(socket, error)
    return DONE


async def _listen(socket: WebSocket, cancel: Callable[[], Awaitable[object]]) -> int | None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        try:
            _parse(_received(message))
            with anyio.CancelScope(shield=True):  # the story may end before all is written that a cancel writes
                await cancel()
        except PayloadTooLarge as error:
            return await _refuse(socket, error)
        except KinorayError as error:
            await _send(socket, "error", _problem(error))


def _received(message: Message) -> bytes:
    """What the client sent. Raises PayloadTooLarge."""
    text: str | None = message.get("text")
    data: bytes = (message.get("bytes") or b"") if text is None else text.encode()
    if len(data) > MOST_MESSAGE_BYTES:
        raise PayloadTooLarge(f"A message may have at most {MOST_MESSAGE_BYTES:,} bytes.", code="message_too_large")
    return data


def _parse(data: bytes) -> ClientMessage:
    """What a message asks for. Raises InvalidRequest."""
    try:
        return ClientMessage.model_validate(json_value(data, "A message"))
    except ValidationError as error:
        said, name = sentence(error.errors(include_url=False, include_input=False)[0])
        raise InvalidRequest(said, name) from error


async def _refuse(socket: WebSocket, error: KinorayError) -> int:
    """Say what is wrong; returns the code to close with."""
    await _send(socket, "error", _problem(error))
    return _CLOSED.get(error.status, _BROKEN)


def _problem(error: KinorayError) -> Mapping[str, object]:
    return error_body(error.status, error.error_code, error.message, error.param)["error"]


async def _send(socket: WebSocket, event: str, data: Mapping[str, object], event_id: str | None = None) -> None:
    await socket.send_text(orjson.dumps({"event": event, "id": event_id, "data": data}).decode())
