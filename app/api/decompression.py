"""Request bodies that clients have compressed are read: Content-Encoding comes off, the plain body goes on."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import anyio
import zstandard
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import of_error, shown
from app.errors import InvalidRequest, KinorayError, PayloadTooLarge, UnsupportedMediaType

MOST_CODINGS: Final = 3  # on top of one another
_PIECE_BYTES: Final = 2**16
_MOST_WINDOW_BYTES: Final = 2**23  # RFC 9659: no more is used over HTTP


class Decompression:
    """ASGI middleware: a compressed body reaches the application plain; neither form is larger than `max_bytes`."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = Headers(scope=scope).getlist("content-encoding") if scope["type"] == "http" else []
        if not named:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._plain(codings(",".join(named)), receive)
        except KinorayError as error:
            answer = of_error(error)
            if isinstance(error, UnsupportedMediaType):
                answer.headers["accept-encoding"] = ", ".join(DECODERS)  # RFC 9110, 12.5.3
            await answer(scope, receive, send)
            return
        scope = {**scope, "headers": list(scope["headers"])}
        headers = MutableHeaders(scope=scope)
        del headers["content-encoding"]
        headers["content-length"] = str(len(body))
        await self._app(scope, _told(body, receive), send)

    async def _plain(self, names: list[str], receive: Receive) -> bytes:
        packed = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise InvalidRequest("The client left before its body was there.")
            packed += message.get("body", b"")
            more = message.get("more_body", False)
            if len(packed) > self._max_bytes:
                raise too_large(self._max_bytes)
        return await anyio.to_thread.run_sync(partial(plain, bytes(packed), names, self._max_bytes))


def codings(header: str) -> list[str]:
    """The codings of a body in the order in which they come off. Raises UnsupportedMediaType for one not read here."""
    names = [name.strip().lower().removeprefix("x-") for name in header.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    for name in names:
        if name not in DECODERS:
            message = f"{shown(name)} is not read here as a content-encoding: send {', '.join(DECODERS)}, or none."
            raise UnsupportedMediaType(message, "content-encoding")
    if len(names) > MOST_CODINGS:
        raise UnsupportedMediaType(f"At most {MOST_CODINGS} content-encodings are read.", "content-encoding")
    return names[::-1]


def plain(body: bytes, names: list[str], max_bytes: int) -> bytes:
    """The body without those codings.

    Raises:
        InvalidRequest: it is not what the coding says (`invalid_encoding`).
        PayloadTooLarge: more than `max_bytes` come out; no more than that is ever held.
    """
    for name in names:
        unpacked = bytearray()
        try:
            for piece in DECODERS[name](body) if body else ():
                unpacked += piece
                if len(unpacked) > max_bytes:
                    raise too_large(max_bytes)
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            message = f"The body is not valid {name}, which its content-encoding says it is."
            raise InvalidRequest(message, "content-encoding", "invalid_encoding") from error
        body = bytes(unpacked)
    return body


def too_large(max_bytes: int) -> PayloadTooLarge:
    """The refusal of a body, packed or not."""
    return PayloadTooLarge(f"The body is too large: at most {max_bytes:,} bytes.")


def _zlib_members(body: bytes, window: int) -> Iterator[bytes]:
    """All members of a body, one behind another, in pieces of a bounded size."""
    while body:
        member = zlib.decompressobj(window)
        while not member.eof:
            piece = member.decompress(body, _PIECE_BYTES)
            body = member.unconsumed_tail
            if piece:
                yield piece
            elif not member.eof and not body:
                raise EOFError("it is cut short")
        body = member.unused_data


def _gzip(body: bytes) -> Iterator[bytes]:
    yield from _zlib_members(body, 16 + zlib.MAX_WBITS)


def _deflate(body: bytes) -> Iterator[bytes]:
    """As RFC 9110 has it, in zlib's wrapping; bare, too, as some clients send it."""
    wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    yield from _zlib_members(body, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


def _zstd(body: bytes) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW_BYTES)
    with reader.stream_reader(io.BytesIO(body), read_across_frames=True) as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece
    while body:  # its size is known by now; a reader does not tell when a frame is cut short
        frame = reader.decompressobj()
        frame.decompress(body)
        if not frame.eof:
            raise EOFError("it is cut short")
        body = frame.unused_data


DECODERS: Final[Mapping[str, Callable[[bytes], Iterator[bytes]]]] = MappingProxyType(
    {"gzip": _gzip, "deflate": _deflate, "zstd": _zstd}
)


def _told(body: bytes, receive: Receive) -> Receive:
    """A receiver that tells the body once, and then what else there is to tell."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def told() -> Message:
        return left.pop() if left else await receive()

    return told
