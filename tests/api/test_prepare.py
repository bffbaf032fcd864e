"""`prepare`: what is done to a picture before a video begins with it, asked for in every form, shown on the job."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.video.picture import as_png
from tests.api.house import MODEL, House
from tests.video.subjects.drawn import scenes, without_subject

pytestmark = pytest.mark.anyio
PIXELS, TRUTH = scenes(1, 128)[0]
FILE = as_png(Image.fromarray(PIXELS))
FLAT = as_png(Image.fromarray(without_subject()["flat"]))
WISH = {"subject": "foreground", "background": "remove", "crop": "subject"}


def data_url(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


@pytest.fixture
def house() -> House:
    return House(models=(replace(MODEL, takes_image=True),))


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as opened:
        yield opened


async def asked(
    client: httpx.AsyncClient, prepare: object = WISH, picture: bytes = FILE, **body: Any
) -> httpx.Response:
    fields = {"prompt": "a red ball", "input_reference": data_url(picture), "prepare": prepare, **body}
    return await client.post("/v1/videos", json=fields)


async def test_the_job_shows_what_was_seen_and_the_picture_from_the_first(client: httpx.AsyncClient) -> None:
    video = (await asked(client)).json()
    seen = video["prepared"]
    assert (seen["subject"], seen["background"], seen["crop"], seen["cached"]) == (
        "foreground",
        "remove",
        "subject",
        False,
    )
    rows, columns = np.nonzero(TRUTH)
    box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    assert np.abs(np.array(seen["box"]) - box).max() <= 3
    assert (seen["width"], seen["height"]) == (128, 128)
    assert 0 < seen["coverage"] < 1
    assert seen["model"].startswith("grabcut-")
    content = await client.get(f"/v1/videos/{video['id']}/content?variant=prepared")
    assert (content.status_code, content.headers["content-type"]) == (200, "image/png")
    made = np.asarray(Image.open(io.BytesIO(content.content)))
    assert made.shape[0] == made.shape[1] < 128
    assert (made[0, 0] == 255).all()
    assert (await client.get(f"/v1/videos/{video['id']}")).json()["prepared"] == seen


async def test_the_plan_shows_what_would_be_done_and_makes_nothing(client: httpx.AsyncClient, house: House) -> None:
    body = {"prompt": "a red ball", "input_reference": data_url(FILE), "prepare": WISH}
    planned = (await client.post("/api/optimization/analyze", json=body)).json()["prepared"]
    preview = planned.pop("preview")
    seen = (await asked(client)).json()["prepared"]
    assert planned == {**seen, "cached": False}
    kind, _, content = preview.partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        assert (picture.format, max(picture.size) <= 320) == ("WEBP", True)
        corner: Any = picture.convert("RGB").getpixel((0, 0))
    assert min(corner) > 240  # the ground is gone
    plain = (await client.post("/api/optimization/analyze", json={"prompt": "a red ball"})).json()
    assert plain["prepared"] is None
    assert await house.count() == 1


async def test_every_form_of_a_request_takes_it(client: httpx.AsyncClient, house: House) -> None:
    ids = [(await asked(client, cache={"mode": "off"})).json()["id"]]
    files = {"input_reference": ("a.png", FILE, "image/png")}
    plain = {"prompt": "a red ball", "cache[mode]": "off"}
    for form in ({"prepare": json.dumps(WISH)}, {f"prepare[{name}]": value for name, value in WISH.items()}):
        answer = await client.post("/v1/videos", data={**plain, **form}, files=files)
        assert answer.status_code == 200, answer.text
        ids.append(answer.json()["id"])
    jobs = [await house.jobs.get(each) for each in ids]
    assert len({job.plan.image for job in jobs}) == 1
    assert [job.plan.prepared is not None and job.plan.prepared.cached for job in jobs] == [False, True, True]
    planned = {"prompt": "a red ball", "input_reference": data_url(FILE), "prepare": WISH}
    assert (await client.post("/api/optimization/analyze", json=planned)).status_code == 200


async def test_what_is_prepared_otherwise_is_another_video_and_a_repeat_shows_it_too(
    client: httpx.AsyncClient, house: House
) -> None:
    first = (await asked(client)).json()
    await house.complete(first["id"])
    again = (await asked(client)).json()
    assert (again["status"], again["prepared"]["cached"]) == ("completed", True)
    assert (await client.get(f"/v1/videos/{again['id']}/content?variant=prepared")).status_code == 200
    others = [
        (await asked(client, {**WISH, **other})).json() for other in ({"background": "#20a0ff"}, {"crop": "cover"})
    ]
    others.append((await asked(client, None)).json())
    assert [each["status"] for each in others] == ["queued"] * 3
    assert others[2]["prepared"] is None
    none = await client.get(f"/v1/videos/{others[2]['id']}/content?variant=prepared")
    assert (none.status_code, none.json()["error"]["code"]) == (404, "content_gone")


@pytest.mark.parametrize(
    ("prepare", "param"),
    [
        ({"subject": "cat"}, "prepare.subject"),
        ({"background": "#12345"}, "prepare.background"),
        ({"background": "red"}, "prepare.background"),
        ({"crop": "middle"}, "prepare.crop"),
        ({"blur": 3}, "blur"),
        ("remove", "prepare"),
        ([], "prepare"),
    ],
)
async def test_what_cannot_be_wished_is_refused(client: httpx.AsyncClient, prepare: object, param: str) -> None:
    answer = await asked(client, prepare)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_no_subject_and_no_picture_are_refused_and_make_no_job(client: httpx.AsyncClient, house: House) -> None:
    answer = await asked(client, picture=FLAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "no_subject")
    answer = await client.post("/v1/videos", json={"prompt": "a red ball", "prepare": WISH})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prepare")
    assert await house.count() == 0
    assert (await asked(client, {}, FLAT)).status_code == 200, "nothing of it needs a subject"


async def test_of_an_animated_picture_the_first_frame_is_taken_and_that_is_said(client: httpx.AsyncClient) -> None:
    frames = [Image.new("RGB", (40, 24), colour) for colour in ("red", "blue")]
    for kind in ("PNG", "WEBP"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:], lossless=True)
        video = (await asked(client, None, file.getvalue())).json()
        assert [(each["code"], each["param"]) for each in video["warnings"]] == [("first_frame", "input_reference")]
    assert (await asked(client, None)).json()["warnings"] == []
