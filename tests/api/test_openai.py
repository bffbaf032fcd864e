"""The `openai` package, unmodified, against the service."""

from __future__ import annotations

import importlib
import io
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import openai
import pytest
from PIL import Image

from app.service.retention import expire
from app.types import RequestableLora
from tests.api.house import MODEL, VIDEO, House

pytestmark = pytest.mark.anyio

RED = "a red ball"
# The package has its own copy of httpx since version 3.
http: Any = importlib.import_module("httpx2" if int(openai.__version__.split(".")[0]) >= 3 else "httpx")


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Any]:
    transport = http.AsyncClient(transport=http.ASGITransport(app=house.app))
    async with openai.AsyncOpenAI(api_key="any", base_url="http://kinoray/v1", http_client=transport) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of OpenAI's own service, not of the API
            yield client.videos


@pytest.fixture
async def videos(house: House) -> AsyncIterator[Any]:
    async with opened(house) as found:
        yield found


def png() -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return file.getvalue()


async def test_a_video_is_made_looked_at_and_downloaded(house: House, videos: Any) -> None:
    made = await videos.create(prompt=RED, model="sora-2", size="96x64", seconds="2")
    assert (made.status, made.size, made.seconds, made.progress) == ("queued", "96x64", "2.125", 0)
    await house.complete(made.id)
    assert (await videos.retrieve(made.id)).status == "completed"
    assert (await videos.download_content(made.id)).read() == VIDEO


async def test_own_fields_go_through_extra_body(videos: Any) -> None:
    own = {"seed": 5, "cache": {"mode": "off"}, "video_params": {"num_frames": 9}, "quality_tier": "preview"}
    made = await videos.create(prompt=RED, extra_body=own)
    assert (made.seed, made.num_frames, made.quality) == (5, 9, "preview")


async def test_adapters_go_through_extra_body_also_beside_a_file() -> None:
    loras = (RequestableLora("film"), RequestableLora("ink"))
    house = House(models=(replace(MODEL, adapters=("film", "ink"), loras=loras, takes_image=True),))
    worn = [{"name": "film", "strength": 0.5}, {"name": "ink", "strength": 1.0}]
    async with opened(house) as videos:
        for picture in (openai.omit, ("first.png", png())):
            made = await videos.create(prompt=RED, input_reference=picture, extra_body={"loras": worn})
            assert made.optimization["loras"] == worn


async def test_openai_values_that_ask_for_what_happens_anyway_pass(videos: Any) -> None:
    made = await videos.create(prompt=RED, extra_body={"stream": False, "moderation": "auto", "n": 1})
    assert made.status == "queued"
    with pytest.raises(openai.BadRequestError, match="follow a video's events") as caught:
        await videos.create(prompt=RED, extra_body={"stream": True})
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "stream")


async def test_polling_ends_with_the_video(house: House, videos: Any) -> None:
    async def make() -> None:
        assert await house.jobs.wait_for_work(5.0)
        await house.complete((await house.jobs.waiting())[0].id)

    async with anyio.create_task_group() as group:
        group.start_soon(make)
        assert (await videos.create_and_poll(prompt=RED)).status == "completed"


async def test_lists_are_paged_through(videos: Any) -> None:
    ids = [(await videos.create(prompt=f"a ball {n}")).id for n in range(5)]
    assert [video.id async for video in videos.list(limit=2, order="asc")] == ids


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_each_video_of_a_list_may_be_deleted_as_it_comes(videos: Any, order: str) -> None:
    ids = [(await videos.create(prompt=f"a ball {n}")).id for n in range(9)]
    gone = [(await videos.delete(video.id)).id async for video in videos.list(limit=4, order=order)]
    assert gone == (ids if order == "asc" else ids[::-1])
    assert [video.id async for video in videos.list(after="")] == []


async def test_an_empty_cursor_is_the_first_page(videos: Any) -> None:
    ids = [(await videos.create(prompt=f"a ball {n}")).id for n in range(3)]
    assert [video.id async for video in videos.list(after="", limit=2, order="asc")] == ids


async def test_a_list_goes_on_behind_a_video_whose_time_is_over(house: House, videos: Any) -> None:
    ids = [(await videos.create(prompt=f"a ball {n}")).id for n in range(4)]
    page = await videos.list(limit=2, order="asc")
    await house.complete(ids[1])
    assert await expire(house.service.ports, time.time() + 1e6, 9) == 1
    assert [video.id for video in (await page.get_next_page()).data] == ids[2:]


async def test_a_video_is_remixed_and_deleted(videos: Any) -> None:
    made = await videos.create(prompt=RED)
    remix = await videos.remix(made.id, prompt="a blue ball")
    assert remix.remixed_from_video_id == made.id
    gone = await videos.delete(made.id)
    assert (gone.id, gone.deleted, gone.object) == (made.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError):
        await videos.retrieve(made.id)


async def test_a_refusal_is_the_packages_own_error(videos: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await videos.create(prompt=RED, extra_body={"sede": 4})
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", "sede")


async def test_a_picture_is_refused(videos: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="from text alone"):
        await videos.create(prompt=RED, input_reference=("cat.png", b"\x89PNG", "image/png"))
