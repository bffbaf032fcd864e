"""Several videos in one file, and a video where no video plays."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.video.encode import encode
from tests.api.house import VIDEO, House
from tests.studio.conftest import mp4

pytestmark = pytest.mark.anyio
MISSING = "video_" + "0" * 32


async def made(house: House, client: httpx.AsyncClient, *prompts: str) -> list[str]:
    ids = []
    for prompt in prompts:
        ids.append((await client.post("/v1/videos", json={"prompt": prompt})).json()["id"])
        await house.complete(ids[-1])
    return ids


async def test_several_are_had_in_one_file_named_after_their_prompts(house: House, client: httpx.AsyncClient) -> None:
    ids = await made(house, client, "a red ball", "../../etc/passwd <b>", "猫")
    answer = await client.get("/v1/videos/zip", params={"ids": ",".join([*ids, ids[0]])})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert [archive.read(name) for name in names] == [VIDEO] * 3
    ends = [f"{each[-8:]}.mp4" for each in ids]
    assert names == [f"a-red-ball-{ends[0]}", f"etc-passwd-b-{ends[1]}", f"猫-{ends[2]}"]


async def test_what_is_not_there_is_said_before_a_byte_comes(house: House, client: httpx.AsyncClient) -> None:
    (done,) = await made(house, client, "a red ball")
    waits = (await client.post("/v1/videos", json={"prompt": "a blue box"})).json()["id"]
    for ids, status in (("", 400), (f"{done},{MISSING}", 404), (f"{done},{waits}", 404), ("../x", 404)):
        assert (await client.get("/v1/videos/zip", params={"ids": ids})).status_code == status, ids
    many = ",".join(f"video_{number:032}" for number in range(101))
    assert (await client.get("/v1/videos/zip", params={"ids": many})).status_code == 400


@pytest.mark.parametrize("kind", ["gif", "webp"])
async def test_a_video_plays_where_no_video_does(kind: str) -> None:
    house = House(video=mp4())
    async with house.client() as client:
        (video,) = await made(house, client, "a red ball")
        first = await client.get(f"/v1/videos/{video}/content", params={"variant": kind})
        assert (first.status_code, first.headers["content-type"]) == (200, f"image/{kind}")
        assert f"{video}-{kind}.{kind}" in first.headers["content-disposition"]
        with Image.open(io.BytesIO(first.content)) as picture:
            shown: Any = picture
            assert (shown.n_frames, shown.size, shown.info["loop"]) == (16, (64, 64), 0)
            shown.seek(8)
            reds = np.asarray(shown.convert("RGB"))[32, :, 0]
        assert 30 <= int(reds.argmax()) <= 36  # the stripe of the ninth frame
        part = await client.get(f"/v1/videos/{video}/content", params={"variant": kind}, headers={"range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, first.content[:4])


async def test_a_long_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.video.animated.MOST_FRAMES", 8)
    house = House(video=encode(np.zeros((17, 64, 64, 3), np.uint8), 8))
    async with house.client() as client:
        (video,) = await made(house, client, "a red ball")
        refused = await client.get(f"/v1/videos/{video}/content?variant=gif")
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "payload_too_large")
