"""What browsers are told with every answer, whatever it is, and that the page and /docs still work with it."""

from __future__ import annotations

import httpx
import pytest

from app.api.routes.page import POLICY
from app.api.security_headers import HEADERS
from tests.api.house import House

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("GET", "/health", 200), ("GET", "/metrics", 200), ("GET", "/openapi.json", 200), ("GET", "/docs", 200)),
        *(
            ("GET", "/v1/videos", 200),
            ("GET", "/nothing", 404),
            ("PUT", "/v1/videos", 405),
            ("POST", "/v1/videos", 400),
        ),
        *(("HEAD", "/v1/videos", 200), ("OPTIONS", "/v1/videos", 204), ("GET", "/studio/studio.js", 200)),
    ],
)
async def test_every_answer_has_them(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


async def test_refusals_of_the_outer_layers_and_failures_have_them_too() -> None:
    house = House(cors_origins=["https://app.example"], max_body_bytes=10)

    async def broken(*_: object) -> None:
        raise RuntimeError("as if")

    house.jobs.list = broken  # type: ignore[method-assign,assignment]
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    async with house.client() as client:
        for answer in (
            await client.post("/v1/videos", json={"prompt": "a red ball"}),
            await client.get("/v1/videos"),
            await client.options("/v1/videos", headers=asked),
        ):
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, answer.status_code


async def test_the_page_keeps_its_narrower_policy(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_nothing_that_docs_loads_is_forbidden_by_them(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert "script-src" not in page.headers["content-security-policy"], "it has scripts of its own in it"
    assert "default-src" not in page.headers["content-security-policy"]
