"""The Caddy and nginx files in `cluster/proxy`, each run as it is before an application, over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest
import uvicorn
import websockets
from httpx_sse import EventSource

from tests.api.house import VIDEO, House
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.anyio

FILES = Path(__file__).parents[2] / "cluster" / "proxy"
RED = {"prompt": "a red ball"}
OTHER_ADDRESS = "127.0.0.2"  # of this machine, too
TOO_LARGE = 21 * 2**20
UNCHECKED = ssl._create_unverified_context()


@dataclass
class Front:
    """A house, and where a proxy shows it to the world."""

    house: House
    url: str

    def client(self, address: str = "127.0.0.1") -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(verify=UNCHECKED, local_address=address)
        return httpx.AsyncClient(base_url=self.url, transport=transport)


@asynccontextmanager
async def serving(house: House, port: int) -> AsyncIterator[None]:
    """As Serve does, which believes no proxy itself."""
    config = uvicorn.Config(
        house.app, port=port, log_level="critical", lifespan="off", proxy_headers=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server.serve())

    async def started() -> bool:
        return server.started

    await until(started)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def caddy(folder: Path, port: int, upstream: int) -> tuple[list[str], dict[str, str]]:
    """The file as it is, with a certificate of Caddy's own making."""
    text, options = (FILES / "Caddyfile").read_text(), f"http_port {free_port()}\n\tskip_install_trust\n\tadmin off"
    assert text.count("\n{\n") == 1  # its global options
    (folder / "Caddyfile").write_text(text.replace("\n{\n", f"\n{{\n\t{options}\n"))
    environment = {
        "KINORAY_SITE": f"https://localhost:{port}",
        "KINORAY_UPSTREAM": f"127.0.0.1:{upstream}",
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "HOME": str(folder),
    }
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"], environment


def nginx(folder: Path, port: int, upstream: int) -> tuple[list[str], dict[str, str]]:
    """The file with our ports, name and certificate put in, as it says."""
    key, certificate = folder / "privkey.pem", folder / "fullchain.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    text = (FILES / "nginx.conf").read_text()
    for theirs, ours in {
        "listen 443": f"listen 127.0.0.1:{port}",
        "video.example.com": "localhost",
        "/etc/ssl/kinoray": str(folder),
        "server 127.0.0.1:8000": f"server 127.0.0.1:{upstream}",
    }.items():
        assert text.count(theirs) >= 1, theirs
        text = text.replace(theirs, ours)
    (folder / "kinoray.conf").write_text(text)
    (folder / "tmp").mkdir()
    places = "".join(
        f"{name}_temp_path {folder}/tmp/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # the folder is this test's own
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nerror_log stderr warn;\npid {folder}/nginx.pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}include {folder}/kinoray.conf;\n}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], {}


KINDS = {"caddy": caddy, "nginx": nginx}


@pytest.fixture(params=sorted(KINDS))
async def front(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Front]:
    kind: str = request.param
    if shutil.which(kind) is None:
        pytest.skip(f"there is no {kind} here")
    house = House(trusted_proxies=["127.0.0.1"], limits={"address": {"stats": {"per_minute": 1}}})
    port, upstream = free_port(), free_port()
    command, environment = KINDS[kind](tmp_path, port, upstream)
    log = tmp_path / "log"
    async with serving(house, upstream):
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=os.environ | environment, stdout=out, stderr=out)
        try:
            shown = Front(house, f"https://localhost:{port}")
            async with shown.client() as client:

                async def answers() -> bool:
                    assert process.poll() is None, log.read_text()
                    try:
                        return (await client.get("/health")).status_code == 200
                    except httpx.TransportError:
                        return False

                await until(answers, 20.0)
            yield shown
        finally:
            process.terminate()  # a proxy that is killed leaves its workers behind
            process.wait(20)


async def test_a_proxy_hides_nothing_of_the_service(front: Front) -> None:
    async with front.client() as client:
        made = await client.post("/v1/videos", json=RED)
        assert made.is_success, made.text
        job = made.json()["id"]
        await events_come_one_by_one(front, client, job)
        await a_socket_talks(front, job)
        await addresses_are_those_of_the_proxy(front, client, job)
        assert await status_of_a_large_body(front) == b"413"
        assert made.headers["strict-transport-security"] == "max-age=31536000"
        assert made.headers["x-content-type-options"] == "nosniff"
    await clients_are_told_apart_and_cannot_say_who_they_are(front)


async def test_a_proxy_lets_go_who_does_not_finish_a_request(front: Front) -> None:
    """By the time limits that the files have, and without a moment for others."""
    port = httpx.URL(front.url).port
    head = f"GET /health/live HTTP/1.1\r\nhost: localhost:{port}\r\n"
    slow = [await asyncio.open_connection("localhost", port, ssl=UNCHECKED) for _ in range(50)]
    for _, writer in slow:
        writer.write(head.encode())
    async with front.client() as client:
        assert (await client.get("/health/live")).status_code == 200
    with anyio.fail_after(30):
        for reader, writer in slow:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                answer = await reader.read()
                assert answer == b"" or answer.split()[1] == b"408"
            writer.transport.abort()


async def status_of_a_large_body(front: Front) -> bytes:
    """What a client hears that listens while it sends."""
    port = httpx.URL(front.url).port
    reader, writer = await asyncio.open_connection("localhost", port, ssl=UNCHECKED)
    head = f"POST /v1/videos HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {TOO_LARGE}\r\n\r\n".encode())

    async def send() -> None:
        with contextlib.suppress(ConnectionError):  # refused before it was sent
            for _ in range(TOO_LARGE // 2**16):
                writer.write(b" " * 2**16)
                await writer.drain()

    sending = asyncio.ensure_future(send())
    with anyio.fail_after(20):
        answer = await reader.readline()
    sending.cancel()
    await asyncio.wait([sending])
    writer.transport.abort()
    return answer.split()[1]


async def events_come_one_by_one(front: Front, client: httpx.AsyncClient, job: str) -> None:
    with anyio.fail_after(10):  # a proxy that buffers would wait for the end
        async with client.stream("GET", f"/v1/videos/{job}/events") as response:
            events = EventSource(response).aiter_sse()
            assert (await anext(events)).event == "snapshot"
            await front.house.run(job)
            assert (await anext(events)).event != "end"


async def a_socket_talks(front: Front, job: str) -> None:
    with anyio.fail_after(10):
        url = f"{front.url.replace('https', 'wss')}/v1/videos/{job}/ws"
        async with websockets.connect(url, ssl=UNCHECKED) as socket:
            assert '"snapshot"' in str(await socket.recv())
            await socket.send('{"type": "cancel"}')
            told = [str(each) async for each in socket]
            assert '"end"' in told[-1]


async def addresses_are_those_of_the_proxy(front: Front, client: httpx.AsyncClient, cancelled: str) -> None:
    made = (await client.post("/v1/videos", json=RED | {"seed": 3})).json()["id"]
    await front.house.complete(made)
    done = (await client.get(f"/v1/videos/{made}")).json()
    assert done["url"].startswith(f"{front.url}/v1/videos/{made}/content")
    assert (await client.get(done["url"])).content == VIDEO
    head = await client.head(f"/v1/videos/{made}/content")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(VIDEO)), b"")
    part = await client.get(done["url"], headers={"range": "bytes=3-5"})
    assert (part.status_code, part.content) == (206, VIDEO[3:6])


async def clients_are_told_apart_and_cannot_say_who_they_are(front: Front) -> None:
    """By the limit of one look at the figures a minute for each address."""
    codes = []
    for address, lie in (("127.0.0.1", "9.9.9.9"), ("127.0.0.1", "8.8.8.8"), (OTHER_ADDRESS, "9.9.9.9")):
        async with front.client(address) as client:
            headers = {"x-forwarded-for": lie, "forwarded": f"for={lie}"}
            codes.append((await client.get("/api/stats", headers=headers)).status_code)
    assert codes == [200, 429, 200]
