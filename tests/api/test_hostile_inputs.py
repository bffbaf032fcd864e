"""Videos as phones make them, and as attackers do, through the API: read rightly, or refused by the field that sent."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import pytest

from app.video.given_video import frames_of
from app.video.picture import MOST_SIDE
from tests.api.house import MODEL, House
from tests.api.test_input_references import ALL, a_video, made, refused, stored, video_url
from tests.api.test_pictures import png
from tests.video.test_given_video import QUARTERS, a_sound, corners, ramp, turned, written
from tests.video.test_mp4_tables import MANY, counted, in_fragments

pytestmark = pytest.mark.anyio


@pytest.fixture
def house() -> House:
    return House(models=(MODEL, ALL), video=a_video(), clock=lambda: 1000.0)


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as opened:
        yield opened


async def uploaded(client: httpx.AsyncClient, content: bytes) -> str:
    head = {"tus-resumable": "1.0.0", "upload-length": str(len(content))}
    begun = await client.post("/v1/uploads", headers=head)
    sent = {"tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream"}
    answer = await client.patch(begun.headers["location"], content=content, headers=sent)
    assert answer.status_code == 204, answer.text
    return str(begun.headers["location"].rpartition("/")[2])


async def shown(house: House, client: httpx.AsyncClient, content: bytes, **body: Any) -> Any:
    """The control video's pictures, as its job has them."""
    given = [{"video": video_url(content), "role": "control"}]
    plan = (await made(house, client, model="all", input_references=given, **body)).plan
    (control,) = plan.references
    assert (control.kind, control.artifact.content_type) == ("video", "video/x-matroska")
    return frames_of(await stored(house, control.artifact), plan.spec).astype(int)


async def test_a_variable_rate_is_read_by_its_times(house: House, client: httpx.AsyncClient) -> None:
    times = [0.0, 0.05, 0.5, 0.52, 1.0, 9.0]
    frames = await shown(house, client, written(ramp(6, 64, 64), times=times), num_frames=9)
    found = [round(float(frame.mean()), -1) for frame in frames]
    assert found == [0, 10, 10, 10, 20, 30, 30, 30, 40]


async def test_a_turned_video_is_upright(house: House, client: httpx.AsyncClient) -> None:
    frames = await shown(house, client, turned(written(corners(64, 64)), QUARTERS[1]), num_frames=9)
    assert np.abs(frames[0] - np.rot90(corners(64, 64)[0], -1)).mean() < 6


async def test_sides_that_the_container_makes_up_do_no_harm(house: House, client: httpx.AsyncClient) -> None:
    frames = await shown(house, client, sized(60_000, 60_000), num_frames=9)
    assert [round(float(frame.mean()), -1) for frame in frames] == [10 * at for at in range(9)]


async def test_odd_sides_are_fitted_and_fragments_read(house: House, client: httpx.AsyncClient) -> None:
    odd = written(np.repeat(corners(97, 97), 2, axis=0), codec="ffv1", form="matroska", pix_fmt="bgr0")
    frames = await shown(house, client, odd, num_frames=9)
    assert np.abs(frames[0] - corners(64, 64)[0]).mean() < 6
    assert len(await shown(house, client, in_fragments(), num_frames=9)) == 9


VIDEO, TOO_LARGE = (400, "invalid_video"), (413, "video_input_too_large")
HOSTILE: dict[str, tuple[Callable[[], bytes], tuple[int, str]]] = {
    "HDR10": (lambda: written(ramp(2), color_trc=16, color_primaries=9, colorspace=9), VIDEO),
    "HLG": (lambda: written(ramp(2), color_trc=18, color_primaries=9, colorspace=9), VIDEO),
    "turned by no quarter": (lambda: turned(written(corners()), (46341, 46341, -46341, 46341)), VIDEO),
    "cut off in its header": (lambda: written(ramp(20))[:-300], VIDEO),
    "a header of fragments that never come": (lambda: in_fragments()[: in_fragments().index(b"moof") - 4], VIDEO),
    "sound alone": (a_sound, VIDEO),
    "a picture": (png, VIDEO),
    "a page": (lambda: b"<html><video src=file:///etc/passwd></html>", VIDEO),
    "a playlist": (lambda: b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", VIDEO),
    "nothing": (lambda: b"", VIDEO),
    "millions of pictures by its header": (lambda: counted(MANY), TOO_LARGE),
    "a side too long": (lambda: written(ramp(1, MOST_SIDE + 16, 16), 8, "matroska", "ffv1", None, "bgr0"), TOO_LARGE),
}


def sized(width: int, height: int) -> bytes:
    """A MOV whose sample description says other sides than its pictures have."""
    content = bytearray(written(ramp(9), form="mov", codec="prores_ks", pix_fmt="yuv422p10le"))
    at = content.index(b"apch") + 4 + 24
    content[at : at + 4] = width.to_bytes(2, "big") + height.to_bytes(2, "big")
    return bytes(content)


@pytest.mark.parametrize("what", HOSTILE)
async def test_what_cannot_be_read_is_refused_by_its_field_however_it_comes(
    what: str, client: httpx.AsyncClient
) -> None:
    make, (status, code) = HOSTILE[what]
    content = make()
    given: list[dict[str, Any]] = [{"video": video_url(content), "role": "control"}]
    found = await refused(client, model="all", input_references=given)
    assert found == (status, code, "input_references[0].video")
    if content[4:8] == b"ftyp":  # else an upload is no video, but whatever it is
        given = [{"upload": await uploaded(client, content), "role": "control"}]
        found = await refused(client, model="all", input_references=given)
        assert found == (status, code, "input_references[0].upload")


async def test_a_video_that_is_claimed_to_be_a_picture_is_refused_as_one(client: httpx.AsyncClient) -> None:
    url = "data:image/png;base64," + base64.b64encode(written(ramp(3))).decode()
    found = await refused(client, model="all", input_references=[{"image": url, "role": "reference"}])
    assert found == (400, "invalid_image", "input_references[0].image")
