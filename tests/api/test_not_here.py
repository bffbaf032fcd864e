"""What OpenAI's packages can ask for and this server has not is answered 501, once, with what can be used instead."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from tests.api.house import MODEL, House
from tests.api.test_openai import http

pytestmark = pytest.mark.anyio

RED = "a red ball"
# verb, what it is given, what its refusal names
VERBS: dict[str, tuple[dict[str, Any], str]] = {
    "edit": ({"prompt": RED, "video": ("a.mp4", b"mp4", "video/mp4")}, "/remix"),
    "create_character": ({"name": "Ann", "video": ("a.mp4", b"mp4", "video/mp4")}, "one seed"),
    "get_character": ({"character_id": "char_1"}, "one seed"),
}


@pytest.fixture
async def asked() -> list[str]:
    return []


@pytest.fixture
async def videos(house: House, asked: list[str]) -> AsyncIterator[Any]:
    async def note(request: Any) -> None:
        asked.append(request.url.path)

    transport = http.AsyncClient(transport=http.ASGITransport(app=house.app), event_hooks={"request": [note]})
    async with openai.AsyncOpenAI(api_key="any", base_url="http://kinoray/v1", http_client=transport) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield client.videos


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_of_the_openai_package_is_answered_once_with_what_to_use(
    verb: str, videos: Any, asked: list[str]
) -> None:
    if not hasattr(videos, verb):
        pytest.skip(f"openai {openai.__version__} has no videos.{verb}")
    given, instead = VERBS[verb]
    with pytest.raises(openai.APIStatusError) as caught:
        await getattr(videos, verb)(**given)
    assert (caught.value.status_code, caught.value.code) == (501, "not_supported")
    assert instead in caught.value.message
    assert len(asked) == 1


async def test_every_verb_of_the_package_is_known_here(videos: Any) -> None:
    here = {"create", "create_and_poll", "delete", "download_content", "extend", "list", "poll", "remix", "retrieve"}
    verbs = {name for name in dir(videos) if not name.startswith(("_", "with_"))}
    assert verbs <= here | set(VERBS)


async def test_models_that_could_do_it_are_named() -> None:
    async with House(models=(replace(MODEL, takes_image=True),)).client() as client:
        error = (await client.get("/v1/videos/characters/char_1")).json()["error"]
    assert "models that take one: shapes" in error["message"]


@pytest.mark.parametrize(
    "field",
    [
        {"keyframes": {"frame0": {"type": "image", "url": "https://a.example/b.png"}}},
        {"extra_body": {"image_urls": ["https://a.example/b.png"]}},
        {"input_reference": ["https://a.example/b.png", "https://a.example/c.png"]},
        {"image": [{"image_url": "https://a.example/b.png"}, "https://a.example/c.png"]},
    ],
)
async def test_several_pictures_that_do_not_say_what_for_are_not_supported(
    field: dict[str, Any], client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/videos", json={"prompt": RED} | field)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (501, "not_supported", "server_error")
    assert (answer.headers["x-should-retry"], "input_reference" in error["message"]) == ("false", True)


async def test_several_files_are_not_supported(client: httpx.AsyncClient) -> None:
    for name in ("image[]", "input_reference"):
        files = [(name, ("a.png", b"a", "image/png")), (name, ("b.png", b"b", "image/png"))]
        answer = await client.post("/v1/videos", data={"prompt": RED}, files=files)
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_supported")


async def test_nothing_in_such_a_field_asks_for_nothing(client: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"prompt": RED, "last_frame": None, "reference_images": [], "input_reference": []}
    assert (await client.post("/v1/videos", json=body)).status_code == 200


async def test_a_name_of_openais_models_says_how_it_can_be_had(client: httpx.AsyncClient) -> None:
    error = (await client.post("/v1/videos", json={"prompt": RED, "model": "sora-2-pro"})).json()["error"]
    assert error["code"] == "model_not_found"
    assert """KINORAY_MODEL_ALIASES='{"sora-2-pro": "shapes"}'""" in error["message"]
