"""A picture for the built-in model that is none of its world is named beforehand, and on the job."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.embedded.profile import MODEL_ID
from app.embedded.world.world import Scene, Subject, render
from tests.api.house import MODEL, House
from tests.api.test_pictures import data_url

pytestmark = pytest.mark.anyio
CODE = "picture_out_of_world"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    models = (replace(MODEL, takes_image=True), replace(MODEL, id=MODEL_ID, takes_image=True))
    async with House(models=models).client() as opened:
        yield opened


def drawing() -> Image.Image:
    star = Subject("yellow", "star", "large", "still", 0.19, 0.4, 0.5, 0.5, 0.0)
    return Image.fromarray(render([Scene("night blue", (star,))], 256, frames=1)[0, 0].numpy())


def photograph() -> Image.Image:
    rng = np.random.default_rng(1)
    small = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    return small.resize((320, 200), Image.Resampling.BICUBIC)


def sent(picture: Image.Image, kind: str = "PNG", **how: Any) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return data_url(file.getvalue())


async def warned(client: httpx.AsyncClient, picture: str, model: str = MODEL_ID) -> list[str]:
    body = {"prompt": "a star", "model": model, "input_reference": picture}
    planned = (await client.post("/api/optimization/analyze", json=body)).json()["warnings"]
    job = (await client.post("/v1/videos", json={**body, "cache": {"mode": "off"}})).json()
    assert job["warnings"] == planned
    return [each["code"] for each in planned if each["param"] == "input_reference"]


async def test_a_photograph_is_named_and_a_drawing_is_not(client: httpx.AsyncClient) -> None:
    assert await warned(client, sent(photograph())) == [CODE]
    assert await warned(client, sent(drawing())) == []


async def test_other_models_take_any_picture(client: httpx.AsyncClient) -> None:
    assert await warned(client, sent(photograph()), model="shapes") == []


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(lambda: sent(drawing().convert("P", palette=Image.Palette.ADAPTIVE)), id="palette"),
        pytest.param(lambda: sent(drawing().convert("CMYK"), "JPEG", quality=90), id="cmyk"),
        pytest.param(lambda: sent(drawing().convert("RGBA")), id="alpha"),
        pytest.param(lambda: sent(drawing().resize((700, 1400)), "JPEG", quality=70), id="tall"),
        pytest.param(lambda: sent(drawing(), "WEBP", quality=70), id="webp"),
        pytest.param(lambda: sent(drawing(), "JPEG", exif=_turned()), id="turned by EXIF"),
    ],
)
async def test_a_drawing_is_of_the_world_however_it_is_sent(client: httpx.AsyncClient, picture: Any) -> None:
    assert await warned(client, picture()) == []


async def test_an_animated_drawing_says_so_and_nothing_else(client: httpx.AsyncClient) -> None:
    frames = [drawing(), photograph().resize((256, 256))]
    animated = sent(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True)
    assert await warned(client, animated) == ["first_frame"]


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif
