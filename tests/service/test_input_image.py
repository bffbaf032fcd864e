"""Pictures that requests name by an address: over real sockets, only the name service is the test's."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from PIL import Image

from app.errors import InvalidRequest, KinorayError
from app.outbound.addresses import AddressRefused
from app.service import input_image
from app.service.input_image import fetched
from app.settings import Settings

pytestmark = pytest.mark.anyio
OPEN = Settings(fetch_private=True, max_image_bytes=50_000)


@pytest.mark.parametrize(
    "address",
    [
        *("ftp://8.8.8.8/a", "file:///a", "//8.8.8.8/a", "http://", "nonsense", "http://[::1]/", "http://2130706433/"),
        *("http://0x7f.1/", "http://127.1/", "http://localhost:6379/", "http://a:b@8.8.8.8/", "http://x.invalid/"),
        *("http://8.8.8.8/" + "a" * 3000, "http://exa mple/", "http://[bad", ""),
    ],
)
async def test_what_leads_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        await fetched(address, Settings())


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20)).save(file, "PNG")
    return file.getvalue()


@asynccontextmanager
async def serving(answer: Callable[[str], bytes]) -> AsyncIterator[str]:
    """A real server on this machine; `answer` gives the raw reply to a path."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        writer.write(answer(path))
        await writer.drain()
        writer.close()

    started: Awaitable[asyncio.Server] = asyncio.start_server(talk, "127.0.0.1", 0)
    server = await started
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def reply(body: bytes, kind: str = "image/png", status: str = "200 OK", more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{more}\r\n"
    )
    return head.encode() + body


async def test_a_picture_is_fetched_after_a_redirect() -> None:
    def answer(path: str) -> bytes:
        moved = reply(b"", status="302 Found", more="location: /there.png\r\n")
        return reply(picture()) if path == "/there.png" else moved

    async with serving(answer) as url:
        assert await fetched(f"{url}/here", OPEN) == picture()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply(b"<html>", "text/html"), "image_not_fetched"),
        (reply(picture(), status="404 Not Found"), "image_not_fetched"),
        (reply(bytes(60_000)), "image_too_large"),
        (reply(b"", status="302 Found", more="location: /again\r\n"), "image_not_fetched"),
        (reply(b"", status="302 Found", more="location: file:///etc/passwd\r\n"), "address_refused"),
        (reply(b"", status="302 Found", more="location: http://[bad\r\n"), "address_refused"),
        (b"nonsense\r\n\r\n", "image_not_fetched"),
    ],
)
async def test_what_answers_otherwise_is_refused(answer: bytes, code: str) -> None:
    async with serving(lambda _: answer) as url:
        with pytest.raises(KinorayError) as caught:
            await fetched(f"{url}/a.png", OPEN)
    assert caught.value.error_code == code


async def test_a_redirect_into_our_own_network_is_refused() -> None:
    with pytest.raises(AddressRefused):
        await fetched("http://127.0.0.1:1/a.png", Settings())
    with pytest.raises(InvalidRequest, match="fetches no pictures"):
        await fetched("http://93.184.216.34/a.png", Settings(fetch_images=False))


async def test_a_name_is_looked_at_each_time_so_that_a_redirect_cannot_change_what_it_means() -> None:
    asked: list[str] = []

    async def changing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else []

    moved = reply(b"", status="302 Found", more="location: /again\r\n")
    async with serving(lambda _: moved) as url:
        named = url.replace("127.0.0.1", "pictures.example")
        with pytest.raises(AddressRefused, match="not a public host"):
            await fetched(named, OPEN, changing)
    assert asked == ["pictures.example"] * 2


async def test_a_name_that_leads_inside_is_not_asked() -> None:
    async def inside(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1", "10.0.0.1"]

    came: list[str] = []
    async with serving(lambda path: came.append(path) or reply(picture())) as url:  # type: ignore[func-returns-value]
        with pytest.raises(AddressRefused):
            await fetched(url.replace("127.0.0.1", "pictures.example"), Settings(), inside)
    assert came == []


async def test_private_hosts_that_exist_are_answered_as_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, and in time, which is rounded up: looking one up may take less than finding no other."""
    held = list[float]()

    async def hold(seconds: float) -> None:
        held.append(seconds)

    async def knows(host: str, port: int) -> Sequence[str]:
        if host == "database.internal":
            return ["10.0.0.5"]
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr("app.service.input_image.anyio.sleep", hold)
    told = []
    for host in ("database.internal", "nothing.internal"):
        with pytest.raises(AddressRefused) as caught:
            await fetched(f"http://{host}/a.png", Settings(), knows)
        told.append((caught.value.error_code, caught.value.message.replace(host, "host")))
    assert told[0] == told[1]
    assert len(held) == 2
    assert all(0.0 < seconds <= input_image.REFUSALS_S for seconds in held)
