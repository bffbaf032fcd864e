"""Where strangers may send us, and that we go where we looked."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from PIL import Image

from app.errors import InvalidRequest, KinorayError
from app.outbound.addresses import AddressRefused, is_public, target
from app.service.input_image import fetched
from app.settings import Settings

pytestmark = pytest.mark.anyio
OPEN = Settings(fetch_private=True, max_image_bytes=50_000)


@pytest.mark.parametrize(
    "ip",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "::"),
        *("255.255.255.255", "240.0.0.1", "ff02::1", "198.18.0.1", "192.0.2.1", "168.63.129.16", "100.100.100.200"),
        *("fd00:ec2::254", "::ffff:10.0.0.1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "localhost", ""),
    ],
)
def test_our_own_addresses_are_not_public(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_those_of_the_internet_are(ip: str) -> None:
    assert is_public(ip)


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
        await target(address)


async def test_the_checked_ip_is_asked_under_the_hosts_name() -> None:
    to = await target("http://localhost:8080/a?b=c", private=True)
    assert to.pinned.host in ("127.0.0.1", "::1")
    assert to.pinned.raw_path == b"/a?b=c"
    assert (to.headers["host"], to.extensions["sni_hostname"]) == ("localhost:8080", "localhost")


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
        (b"nonsense\r\n\r\n", "image_not_fetched"),
    ],
)
async def test_what_answers_otherwise_is_refused(answer: bytes, code: str) -> None:
    async with serving(lambda _: answer) as url:
        with pytest.raises(KinorayError) as caught:
            await fetched(f"{url}/a.png", OPEN)
    assert caught.value.error_code == code


async def test_a_redirect_into_our_own_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AddressRefused):
        await fetched("http://127.0.0.1:1/a.png", Settings())
    with pytest.raises(InvalidRequest, match="fetches no pictures"):
        await fetched("http://93.184.216.34/a.png", Settings(fetch_images=False))
