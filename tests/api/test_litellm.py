"""LiteLLM's library, unmodified, against the service behind a real HTTP server."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import openai
import pytest
from PIL import Image

from tests.api.house import MODEL, PICTURES, THUMBNAIL, VIDEO, House
from tests.api.served import served
from tests.api.test_openai import png
from tests.api.test_outcomes import end_all

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import asks the internet for prices
litellm: Any = pytest.importorskip("litellm")
ids: Any = pytest.importorskip("litellm.types.videos.utils")

pytestmark = [
    pytest.mark.anyio,
    # Of its own models and clients.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning"),
]

RED = "a red ball"
SHAPES = "openai/shapes"
RETRIES = {"num_retries": 2, "max_retries": 2}


class Caller:
    """LiteLLM with the address of a house, and how often that was asked for something."""

    def __init__(self, url: str) -> None:
        self._to = {"api_base": f"{url}/v1", "api_key": "any"}
        self.asked: list[str] = []

    async def __call__(self, verb: str, **what: Any) -> Any:
        return await getattr(litellm, verb)(**what, **self._to)

    async def video(self, **what: Any) -> Any:
        return await self("avideo_generation", **{"prompt": RED, "model": SHAPES} | what)


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Caller]:
    async def noting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            caller.asked.append(f"{scope['method']} {scope['path']}")
        await app(scope, receive, send)

    app, house.app = house.app, noting  # type: ignore[assignment]
    async with served(house) as at:
        caller = Caller(at.url)
        yield caller


def own_id(video: Any) -> str:
    """The service's id in LiteLLM's."""
    found: str = ids.extract_original_video_id(video.id)
    return found


async def test_a_video_is_made_looked_at_downloaded_and_found_in_the_list(house: House) -> None:
    async with opened(house) as ask:
        made = await ask.video(size="96x64", seconds="2", user="ann")
        assert (made.status, made.size, made.seconds, made.model) == ("queued", "96x64", "2.125", "shapes")
        await house.complete(own_id(made))
        seen = await ask("avideo_status", video_id=made.id)
        assert (seen.status, seen.progress, own_id(seen)) == ("completed", 100, own_id(made))
        assert await ask("avideo_content", video_id=made.id) == VIDEO
        assert await ask("avideo_content", video_id=made.id, variant="thumbnail") == THUMBNAIL
        page = await ask("avideo_list", custom_llm_provider="openai")
        assert [ids.extract_original_video_id(each["id"]) for each in page["data"]] == [own_id(made)]


async def test_the_blocking_verbs_do_the_same(house: House) -> None:
    async def blocking(verb: str, **what: Any) -> Any:
        return await anyio.to_thread.run_sync(lambda: getattr(litellm, verb)(**what, **ask._to))

    async with opened(house) as ask:
        made = await blocking("video_generation", prompt=RED, model=SHAPES)
        await house.complete(own_id(made))
        assert (await blocking("video_status", video_id=made.id)).status == "completed"
        assert await blocking("video_content", video_id=made.id) == VIDEO
        page = await blocking("video_list", custom_llm_provider="openai", limit=5)
        assert len(page["data"]) == 1
        remix = await blocking("video_remix", video_id=made.id, prompt="a blue ball")
        assert remix.remixed_from_video_id == own_id(made)


async def test_lists_are_paged_through_with_its_own_ids(house: House) -> None:
    async with opened(house) as ask:
        made = [own_id(await ask.video(prompt=f"a ball {n}")) for n in range(3)]
        listing = {"custom_llm_provider": "openai", "limit": 2, "order": "asc"}
        first = await ask("avideo_list", **listing)
        second = await ask("avideo_list", after=first["last_id"], **listing)
    found = [each["id"] for page in (first, second) for each in page["data"]]
    assert [ids.extract_original_video_id(each) for each in found] == made
    assert (first["has_more"], second["has_more"]) == (True, False)


async def test_a_video_is_remixed_and_its_source_deleted(house: House) -> None:
    async with opened(house) as ask, house.client() as plain:
        made = await ask.video()
        remix = await ask("avideo_remix", video_id=made.id, prompt="a blue ball")
        assert remix.remixed_from_video_id == own_id(made)
        assert (await plain.delete(f"/v1/videos/{own_id(made)}")).json()["deleted"]  # LiteLLM has no verb for that
        left = await ask("avideo_list", custom_llm_provider="openai")
        assert [each["id"] for each in left["data"]] == [
            ids.encode_video_id_with_provider(own_id(remix), "openai", "shapes")
        ]


async def test_own_fields_go_through_beside_a_picture_too() -> None:
    house = House(models=(replace(MODEL, takes_image=True),))
    async with opened(house) as ask:
        for more in ({}, {"input_reference": png()}, {"input_reference": io.BytesIO(png())}):
            made = await ask.video(extra_body={"seed": 5, "tier": "preview", "cache": {"mode": "off"}}, **more)
            plan = (await house.jobs.get(own_id(made))).plan
            assert (plan.sampling.seed, plan.tier, plan.image is not None) == (5, "preview", bool(more))


async def test_a_video_is_extended_by_its_id_or_refused_in_our_words(house: House) -> None:
    async with opened(house) as ask:
        made = await ask.video()
        for verb, more, word in (
            ("avideo_extension", {"seconds": "2"}, "takes no picture to go on from"),
            ("avideo_edit", {}, "Videos are not edited here"),
        ):
            with pytest.raises(openai.APIError, match=word):
                await ask(verb, video_id=made.id, prompt="it bounces away", custom_llm_provider="openai", **more)


async def test_pictures_are_made() -> None:
    house = House(models=(MODEL, PICTURES))

    async def make() -> None:
        assert await house.jobs.wait_for_work(5.0)
        await house.complete((await house.jobs.waiting())[0].id)

    async with opened(house) as ask, anyio.create_task_group() as group:
        group.start_soon(make)
        made = await ask("aimage_generation", model="openai/stills", prompt="a lighthouse in fog", size="96x64")
        assert Image.open(io.BytesIO(base64.b64decode(made.data[0].b64_json))).size == (96, 64)


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ({"size": "1x1"}, litellm.BadRequestError, "unsupported_size.*96x64"),
        ({"prompt": ""}, litellm.BadRequestError, "prompt"),
        ({"extra_body": {"sede": 1}}, litellm.BadRequestError, "unknown_parameter.*sede"),
        ({"model": "openai/sora-9"}, litellm.NotFoundError, "model_not_found.*KINORAY_MODEL_ALIASES"),
        ({"input_reference": png()}, litellm.BadRequestError, "from text alone"),
    ],
)
async def test_a_refusal_is_its_own_error_and_not_asked_again(
    house: House, what: dict[str, Any], error: type[Exception], words: str
) -> None:
    async with opened(house) as ask:
        with pytest.raises(error, match=words):
            await ask.video(**what, **RETRIES)
    assert ask.asked == ["POST /v1/videos"]


async def test_a_wrong_key_and_a_full_line_are_its_own_errors() -> None:
    async with opened(House(api_keys={"ann": "another"})) as ask:
        with pytest.raises(litellm.AuthenticationError):
            await ask.video(**RETRIES)
    async with opened(House(tenant_max_jobs=1)) as ask:
        await ask.video()
        with pytest.raises(litellm.RateLimitError, match="too_many_requests|quota|jobs"):
            await ask.video(prompt="a blue ball", **RETRIES)
    assert len(ask.asked) == 2


async def test_what_is_not_there_is_an_error_also_where_it_does_not_look_at_the_status(house: House) -> None:
    async with opened(house) as ask:
        with pytest.raises(litellm.APIConnectionError, match="video_not_found"):  # its only one where no model is named
            await ask("avideo_remix", video_id="video_none", prompt=RED)
        # 1.83 takes the body of any answer to a GET for what it asked for: the object, or the file.
        with pytest.raises(litellm.APIConnectionError, match="VideoObject"):
            await ask("avideo_status", video_id="video_none")
        made = await ask.video()
        assert b"content_not_ready" in await ask("avideo_content", video_id=made.id)


@pytest.mark.parametrize("code", ["generation_failed", "out_of_memory", "cancelled", "timeout"])
async def test_a_picture_that_cannot_be_made_is_not_asked_for_again(code: str) -> None:
    house = House(models=(MODEL, PICTURES))
    async with opened(house) as ask, anyio.create_task_group() as group:
        group.start_soon(end_all, house, code)
        with pytest.raises(openai.APIError):
            await ask("aimage_generation", model="openai/stills", prompt="a lighthouse in fog", **RETRIES)
        group.cancel_scope.cancel()
    assert ask.asked == ["POST /v1/images/generations"]
    assert await house.count() == 1
