"""HEAD, OPTIONS and Allow: on every address that there is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.access.scopes import SCOPES
from tests.api.house import House

pytestmark = pytest.mark.anyio

ALLOWED = {
    "/": "GET, HEAD, OPTIONS",
    "/health": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
    "/studio/studio.js": "GET, HEAD, OPTIONS",
    "/v1/videos": "GET, HEAD, OPTIONS, POST",
    "/v1/videos/video_0123456789abcdef": "DELETE, GET, HEAD, OPTIONS, PATCH",
    "/v1/videos/video_0123456789abcdef/remix": "OPTIONS, POST",
    "/v1/videos/video_0123456789abcdef/feedback": "GET, HEAD, OPTIONS, POST",
    "/v1/styles/recommend": "GET, HEAD, OPTIONS, POST",
    "/v1/images/generations": "OPTIONS, POST",
    "/api/optimization/analyze": "GET, HEAD, OPTIONS, POST",
    "/api/cache": "DELETE, OPTIONS",
    "/v1/keys": "GET, HEAD, OPTIONS, POST",
    "/v1/audit": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("path", ALLOWED)
async def test_an_address_says_what_it_takes(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, ALLOWED[path], b"")
    refused = await client.put(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, ALLOWED[path])
    assert refused.json()["error"]["code"] == "method_not_allowed"


async def test_what_is_not_there_takes_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.options("/v1/nothing")).status_code == 404


async def test_head_is_answered_wherever_get_is(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    story = (await client.post("/v1/storyboards", json={"scenes": [{"prompt": "a red ball"}]})).json()
    upload = await client.post("/v1/uploads", headers={"tus-resumable": "1.0.0", "upload-length": "10"})
    first = {"name": "n", "tenant": "public", "scopes": list(SCOPES)}
    key = (await client.post("/v1/keys", json=first)).json()
    client.headers["authorization"] = f"Bearer {key['key']}"
    paths = (await client.get("/openapi.json")).json()["paths"]
    asked = [path for path, methods in paths.items() if "get" in methods and not path.endswith("/events")]
    assert len(asked) > 12
    for path in (*asked, "/", "/docs", "/studio/studio.css"):
        named = {
            "video_id": job["id"],
            "story_id": story["id"],
            "model_id": "shapes",
            "style_id": "cinematic",
            "character_id": "a",
            "lora": "film",
            "number": 0,
            "upload_id": upload.headers["location"].rpartition("/")[2],
        }
        address = path.format(**named, key_id=key["id"])
        got, head = await client.get(address), await client.head(address)
        assert head.status_code == got.status_code != 405, path
        assert head.headers["content-type"] == got.headers["content-type"], path


async def test_the_document_says_nothing_of_head(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert "head" not in {method for methods in paths.values() for method in methods}


async def test_options_needs_no_key() -> None:
    async with House(api_keys={"ann": "a"}).client() as client:
        assert (await client.options("/v1/videos")).status_code == 204
        assert (await client.head("/v1/videos")).status_code == 401
