"""The page and what it loads, as a browser asks for it."""

from __future__ import annotations

import re

import httpx
import pytest

from app.api.routes.page import STUDIO
from app.types import PRIORITIES

pytestmark = pytest.mark.anyio
MODULES = sorted(path.name for path in STUDIO.glob("*.js"))


@pytest.fixture
async def script(client: httpx.AsyncClient) -> str:
    """All that the page runs, as it is served."""
    texts = {name: (await client.get(f"/studio/{name}")).text for name in MODULES}
    imported = {found for text in texts.values() for found in re.findall(r'from "\./([\w.]+)"', text)}
    assert imported | {"studio.js"} == set(MODULES)
    return "".join(texts.values())


async def test_the_page_loads_only_from_this_server(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "://" not in page.text
    for link in re.findall(r'(?:src|href)="(studio/[^"]+)"', page.text):
        assert (await client.get(f"/{link}")).status_code == 200, link


@pytest.mark.parametrize("path", ["/", *(f"/studio/{name}" for name in MODULES)])
async def test_a_page_that_a_browser_has_is_not_sent_again(path: str, client: httpx.AsyncClient) -> None:
    tag = (await client.get(path)).headers["etag"]
    for known in (tag, f"W/{tag}", "*"):
        answer = await client.get(path, headers={"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert answer.headers["cache-control"] == "no-cache"  # or an update would be seen in part
    assert (await client.get(path, headers={"if-none-match": '"other"'})).status_code == 200


async def test_the_page_asks_only_routes_that_exist(client: httpx.AsyncClient, script: str) -> None:
    routes = (await client.get("/openapi.json")).json()["paths"]
    asked = {
        re.sub(r"\$\{id\}", "{video_id}", path)
        for path in re.findall(r'["`]((?:v1|api)/[^"`?$]*(?:\$\{id\}[^"`?$]*)?)', script)
    }
    assert asked
    assert {f"/{path}" for path in asked} <= set(routes)


async def test_outside_text_is_never_markup(script: str) -> None:
    assert "innerHTML" not in script
    assert "insertAdjacentHTML" not in script
    assert "outerHTML" not in script


async def test_only_a_webp_in_a_data_url_becomes_a_picture(script: str) -> None:
    pattern = re.search(r"PICTURE = /(.+)/;", script)
    assert pattern is not None
    allowed = re.compile(pattern[1].replace(r"\/", "/"))
    assert allowed.search("data:image/webp;base64,UklGRg==")
    for other in (
        "data:image/svg+xml;base64,UklGRg==",
        "javascript:alert(1)",
        "x data:image/webp;base64,UklG",
        "//a/b.webp",
    ):
        assert not allowed.search(other)
    assert script.count("picture.src =") == 1
    assert script.index("PICTURE.test(image)") < script.index("picture.src =")


async def test_the_page_asks_for_previews_and_by_priority(client: httpx.AsyncClient, script: str) -> None:
    assert script.count("preview: true") == 2  # also of the same again
    found = re.search(r'<select id="priority">(.+?)</select>', (await client.get("/")).text)
    assert found is not None
    assert tuple(re.findall(r"<option[^>]*>(\w+)</option>", found[1])) == PRIORITIES


async def test_the_page_offers_styles_and_repeats_a_video_in_its_own(client: httpx.AsyncClient, script: str) -> None:
    assert '<select id="style"><option value="">none</option></select>' in (await client.get("/")).text
    assert 'call("v1/styles")' in script
    assert 'style: $("style").value' in script
    assert "written ?? video.prompt" in script


async def test_nothing_outside_the_studio_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/studio/../settings.py")).status_code == 404
    assert (await client.get("/studio/%2e%2e/settings.py")).status_code == 404
