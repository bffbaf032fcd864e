"""A guarded server over real sockets: what slow, fat and deaf clients are told, and that nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
import uvicorn.config
import websockets
from starlette.middleware import Middleware

from app.api.routes.loras import LORAS
from app.ingress.connections import Rules
from app.ingress.health_door import HealthDoor
from app.ingress.install import layers, rules_of
from app.settings import Settings
from tests.api.house import House
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.anyio

QUICK = Rules(header_s=1.0, header_bytes=4096, body_s=2.0, stalled_s=1.0, body_bytes=2**16)
GET = b"GET /health/live HTTP/1.1\r\nhost: kinoray\r\n"
POST = b"POST /v1/videos HTTP/1.1\r\nhost: kinoray\r\ncontent-type: application/json\r\n"
RED = b'{"prompt": "a red ball"}'


@dataclass
class Server:
    """A house behind its ingress."""

    house: House
    port: int
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def send(
        self, *parts: bytes, address: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError):  # the server may have had enough
            for part in parts:
                writer.write(part)
                await writer.drain()
        return reader, writer


@asynccontextmanager
async def serving(rules: Rules = QUICK, **settings: Any) -> AsyncIterator[Server]:
    """As Serve's proxy does it: the layers around the application, uvicorn's protocol by its usual name."""
    house, port = House(**settings), free_port()
    app, before, doors = house.app, uvicorn.config.HTTP_PROTOCOLS["auto"], list[HealthDoor]()
    for layer in layers(house.settings, rules):
        app = layer.cls(app, *layer.args, **layer.kwargs)  # type: ignore[assignment]
        doors += [app] if isinstance(app, HealthDoor) else []
    try:
        config = uvicorn.Config(app, port=port, log_level=logging.CRITICAL, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(server.serve())

        async def started() -> bool:
            return server.started

        await until(started)
        shown = Server(house, port)
        try:
            yield shown
        finally:
            for writer in shown.writers:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
            server.should_exit = True
            await task
            for door in doors:
                await door.stop()
    finally:
        uvicorn.config.HTTP_PROTOCOLS["auto"] = before


async def whole(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Status and code of an answer after which the connection ended."""
    with anyio.fail_after(10):
        answer = await reader.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"]


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What came before the connection ended."""
    with anyio.fail_after(10):
        return await reader.read()


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((b"G",), id="first byte"),
        pytest.param((GET,), id="headers without an end"),
        pytest.param((GET[:-2],), id="header cut in two"),
    ],
)
async def test_headers_that_do_not_end_are_waited_for_in_vain_but_not_for_ever(parts: Sequence[bytes]) -> None:
    async with serving() as server:
        reader, _ = await server.send(*parts)
        assert await whole(reader) == (408, "request_timeout")


async def test_who_says_nothing_is_let_go_without_a_word() -> None:
    async with serving() as server:
        reader, _ = await server.send()
        assert await ended(reader) == b""


async def test_a_byte_now_and_then_between_two_requests_keeps_no_connection() -> None:
    async with serving() as server:
        reader, writer = await server.send(GET + b"\r\n")
        with anyio.fail_after(10):
            await reader.readuntil(b'{"status":"ok"}')
        writer.write(b"\r\n")
        assert await whole(reader) == (408, "request_timeout")


async def test_a_body_that_stops_coming_is_refused() -> None:
    async with serving(body_timeout_s=1.0) as server:
        reader, _ = await server.send(POST + b"content-length: 100\r\n\r\n" + b"{")
        assert await whole(reader) == (408, "request_timeout")


async def test_a_body_that_trickles_is_refused_before_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.bodies.GRACE_S", 0.5)
    async with serving(body_timeout_s=1000.0) as server:
        reader, _ = await server.send(POST + b"content-length: 100\r\n\r\n" + b"{")
        assert await whole(reader) == (408, "request_timeout")


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"".join(b"x-%d: %s\r\n" % (number, b"y" * 50) for number in range(100)), id="many"),
        pytest.param(b"x: " + b"y" * 5000, id="one without an end"),
        pytest.param(b"x: " + b"y" * 5000 + b"\r\n\r\n", id="a long one"),
    ],
)
async def test_long_headers_are_refused(head: bytes) -> None:
    async with serving() as server:
        reader, _ = await server.send(GET + head)
        assert await whole(reader) == (431, "headers_too_large")


async def test_an_endless_address_is_refused() -> None:
    async with serving() as server:
        reader, _ = await server.send(b"GET /" + b"a" * 5000)
        assert await whole(reader) == (431, "headers_too_large")


async def test_an_endless_trailer_is_refused() -> None:
    async with serving() as server:
        head = POST + b"transfer-encoding: chunked\r\n\r\n18\r\n" + RED + b"\r\n0\r\n"
        reader, _ = await server.send(head + b"x-1: " + b"y" * 800_000)
        assert await whole(reader) == (431, "headers_too_large")


async def test_a_body_whose_size_is_too_large_is_refused_before_it_comes() -> None:
    async with serving(max_body_bytes=1000) as server:
        reader, _ = await server.send(POST + b"content-length: 1001\r\nconnection: close\r\n\r\n")
        assert await whole(reader) == (413, "payload_too_large")


async def test_a_chunked_body_is_counted() -> None:
    async with serving(max_body_bytes=1000) as server:
        chunk = b"100\r\n" + b" " * 256 + b"\r\n"
        reader, _ = await server.send(POST + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n" + 4 * chunk)
        assert await whole(reader) == (413, "payload_too_large")


async def test_bodies_under_way_have_a_most_together_which_is_given_back() -> None:
    async with serving(max_bodies_bytes=2000) as server, httpx.AsyncClient(base_url=server.url) as client:
        _, first = await server.send(POST + b"content-length: 1500\r\n\r\n" + b" " * 1499)
        body = RED + b" " * 700

        async def refused() -> bool:
            answer = await client.post("/v1/videos", content=body, headers={"content-type": "application/json"})
            return answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1

        await until(refused)
        first.close()

        async def accepted() -> bool:
            answer = await client.post("/v1/videos", content=body, headers={"content-type": "application/json"})
            return answer.status_code == 200

        await until(accepted)


async def test_slow_clients_of_one_address_make_room_for_quick_ones_of_the_same() -> None:
    async with serving(replace(QUICK, header_s=60.0, most_of_address=3)) as server:
        slow = [await server.send(GET) for _ in range(3)]

        async def gets_in() -> bool:
            reader, _ = await server.send(GET + b"connection: close\r\n\r\n")
            return b'"ok"' in await ended(reader)

        await until(gets_in)
        assert await whole(slow[0][0]) == (429, "too_many_connections")


async def test_an_address_has_so_many_connections_and_others_theirs() -> None:
    async with serving(replace(QUICK, header_s=60.0, most_of_address=2)) as server:
        kept = [await server.send(GET) for _ in range(2)]
        reader, _ = await server.send(GET)
        assert await whole(reader) == (429, "too_many_connections")
        reader, _ = await server.send(GET + b"connection: close\r\n\r\n", address="127.0.0.2")
        assert b'"ok"' in await ended(reader)
        assert len(kept) == 2


async def test_beyond_the_most_of_all_the_oldest_slow_ones_make_room() -> None:
    async with serving(replace(QUICK, header_s=60.0, most=4)) as server:
        slow = [await server.send(GET) for _ in range(4)]
        reader, _ = await server.send(GET)
        assert await whole(reader) == (503, "too_many_connections")

        async def gets_in() -> bool:
            reader, _ = await server.send(GET + b"connection: close\r\n\r\n")
            return b'"ok"' in await ended(reader)

        await until(gets_in)
        assert await whole(slow[0][0]) == (503, "too_many_connections")


async def test_a_key_has_so_many_requests_under_way() -> None:
    ann, ben = {"authorization": "Bearer ann"}, {"authorization": "Bearer ben"}
    async with serving(max_requests_per_key=1) as server, httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()["id"]
        async with client.stream("GET", f"/v1/videos/{made}/events", headers=ann) as stream:
            assert stream.status_code == 200
            refused = await client.get("/v1/videos", headers=ann)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_connections")
            assert int(refused.headers["retry-after"]) >= 1
            assert (await client.get("/v1/videos", headers=ben)).status_code == 200


async def test_a_websocket_outlives_what_headers_and_bodies_may_take() -> None:
    async with serving() as server, httpx.AsyncClient(base_url=server.url) as client:
        made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()["id"]
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/v1/videos/{made}/ws") as socket:
            assert '"snapshot"' in str(await socket.recv())
            reader, _ = await server.send(GET)
            assert await whole(reader) == (408, "request_timeout")  # by now its own time is over, too
            await server.house.complete(made)
            assert '"end"' in [str(each) async for each in socket][-1]


async def test_who_takes_nothing_of_a_large_answer_is_cut_off() -> None:
    video = bytes(2**26)
    async with serving(max_body_bytes=2**20) as server:
        server.house._video = video
        async with httpx.AsyncClient(base_url=server.url) as client:
            made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()["id"]
        await server.house.complete(made)
        reader, writer = await server.send(f"GET /v1/videos/{made}/content HTTP/1.1\r\nhost: kinoray\r\n\r\n".encode())
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        with anyio.fail_after(20):
            # Another request shows that the server has swept; then what is left to read ends short.
            waiting, _ = await server.send(GET)
            await whole(waiting)
            waiting, _ = await server.send(GET)
            await whole(waiting)
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            got = 0
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(2**20):
                    got += len(part)
        assert got < len(video)


async def test_health_answers_at_a_port_of_its_own_and_nothing_else_does() -> None:
    door = free_port()
    async with serving(health_port=door), httpx.AsyncClient(base_url=f"http://127.0.0.1:{door}") as client:

        async def answers() -> bool:
            try:
                return (await client.get("/health/live")).status_code == 200
            except httpx.TransportError:
                return False

        await until(answers)
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/v1/videos")).status_code == 404
        assert (await client.post("/health")).status_code == 404


async def test_a_door_that_several_routers_share_is_answered_while_one_of_them_is_there() -> None:
    port = free_port()
    app = House().app
    doors = [HealthDoor(app, "127.0.0.1", port, shared=True) for _ in range(2)]

    async def both() -> bool:
        return all(door._server.started for door in doors)

    await until(both)
    for door in doors:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/health/live")).status_code == 200
        await door.stop()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/health/live")


async def test_settings_are_what_the_rules_say() -> None:
    settings = Settings(header_timeout_s=3, max_header_bytes=8192, max_connections=100, trusted_proxies=["10.0.0.0/8"])
    rules = rules_of(settings, by_address=True, files=10_000)
    assert (rules.header_s, rules.header_bytes, rules.most, rules.trusted) == (3, 8192, 100, ("10.0.0.0/8",))
    assert rules_of(settings, by_address=True, files=580).most == 68
    assert all(isinstance(each, Middleware) for each in layers(settings, rules))


async def test_uploads_of_loras_may_be_larger_than_other_bodies() -> None:
    settings = Settings(max_body_bytes=1000, lora_upload_max_bytes=2**21)
    rules = replace(rules_of(settings, by_address=True, files=10_000), header_s=1.0)
    file = {"file": ("a.safetensors", b"x" * 2**20)}
    bodies = serving(rules, max_body_bytes=1000, lora_upload_max_bytes=2**21)
    async with bodies as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post(LORAS, files=file, data={"name": "a"})
        assert answer.status_code != 413, answer.text
        assert (await client.post("/v1/videos", files=file)).status_code == 413
