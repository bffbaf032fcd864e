"""Pictures and videos in several roles: however named, refused before they are fetched, stored, part of the video."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.api.requests.fields import ALIASES
from app.service import given_inputs, input_image
from app.types import CONTROL, FIRST, IMAGE, LAST, MASK, REFERENCE, VIDEO, InputRole, Phase
from app.video.encode import encode
from app.video.given_video import frames_of
from tests.api.house import MODEL, House
from tests.api.test_pictures import RED, data_url, png

pytestmark = pytest.mark.anyio

ENDS = replace(MODEL, id="ends", takes_image=True, inputs=(InputRole(FIRST), InputRole(LAST, beside=FIRST)))
ALL = replace(
    MODEL,
    id="all",
    inputs=(
        InputRole(REFERENCE, most=2),
        InputRole(CONTROL, (VIDEO,), graded=True),
        InputRole(MASK, (IMAGE, VIDEO), beside=CONTROL),
    ),
)
KEYS = replace(MODEL, id="keys", inputs=(InputRole(REFERENCE, most=3, framed=True, frame_step=8, graded=True),))
AWAY = "https://a.example/b.png"


def a_video(frames: int = 30, fps: int = 16, size: tuple[int, int] = (64, 64)) -> bytes:
    ramp = np.linspace(0, 255, frames).astype(np.uint8)[:, None, None, None]
    return encode(np.broadcast_to(ramp, (frames, size[1], size[0], 3)).copy(), fps)


def video_url(content: bytes) -> str:
    return "data:video/mp4;base64," + base64.b64encode(content).decode()


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    async def never(*_: object, **__: object) -> bytes:
        raise AssertionError("nothing is to be fetched")

    monkeypatch.setattr(input_image, "fetched", never)
    monkeypatch.setattr(given_inputs, "fetched", never)
    return House(models=(MODEL, ENDS, ALL, KEYS), video=a_video(), clock=lambda: 1000.0)


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as opened:
        yield opened


async def made(house: House, client: httpx.AsyncClient, **body: Any) -> Any:
    answer = await client.post("/v1/videos", json={"prompt": RED, "cache": {"mode": "off"}, **body})
    assert answer.status_code == 200, answer.text
    return await house.jobs.get(answer.json()["id"])


async def refused(client: httpx.AsyncClient, **body: Any) -> tuple[int, str, str | None]:
    answer = await client.post("/v1/videos", json={"prompt": RED, **body})
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


async def stored(house: House, artifact: Any) -> bytes:
    return b"".join([chunk async for chunk in house.artifacts.read(artifact)])


async def test_a_first_and_a_last_picture_are_stored_in_whatever_words(house: House, client: httpx.AsyncClient) -> None:
    red, blue = data_url(png("red")), data_url(png("blue"))
    jobs = [
        await made(house, client, model="ends", input_references=[
            {"image": blue, "role": "last"}, {"image": red, "role": "first"},
        ]),
        await made(house, client, model="ends", input_reference=red, last_frame=blue),
        await made(house, client, model="ends", frame_images=[
            {"type": "image_url", "image_url": {"url": red}, "frame_type": "first_frame"},
            {"type": "image_url", "image_url": {"url": blue}, "frame_type": "last_frame"},
        ]),
    ]  # fmt: skip
    plans = [job.plan for job in jobs]
    assert len({(plan.image, plan.references) for plan in plans}) == 1
    (last,) = plans[0].references
    assert (last.role, last.kind, last.frame, last.strength) == (LAST, IMAGE, None, 1.0)
    assert Image.open(io.BytesIO(await stored(house, last.artifact))).getpixel((0, 0)) == (0, 0, 255)
    assert "It ends with the picture that was sent." in plans[0].why.reasons


@pytest.mark.parametrize("name", sorted(name for name, own in ALIASES.items() if own == "last_frame"))
async def test_other_servers_names_of_a_last_picture_are_understood(
    name: str, house: House, client: httpx.AsyncClient
) -> None:
    job = await made(house, client, model="ends", input_reference=data_url(png()), **{name: data_url(png("blue"))})
    assert [each.role for each in job.plan.references] == [LAST]


async def test_a_form_sends_files(house: House, client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/videos",
        data={
            "prompt": RED,
            "model": "ends",
            "input_references[0][role]": "last",
            "input_references[1][role]": "first",
        },
        files=[
            ("input_references[0][image]", ("b.png", png("blue"), "image/png")),
            ("input_references[1][image]", ("a.png", png("red"), "image/png")),
        ],
    )
    assert answer.status_code == 200, answer.text
    plan = (await house.jobs.get(answer.json()["id"])).plan
    first, last = [Image.open(io.BytesIO(await stored(house, each))).getpixel((0, 0)) for each in plan.inputs]
    assert (first, last) == ((255, 0, 0), (0, 0, 255))


REFUSED: dict[str, tuple[dict[str, Any], tuple[int, str, str]]] = {
    "a role that the model has not": (
        {"input_references": [{"image": AWAY, "role": "first"}, {"image": AWAY, "role": "control"}], "model": "ends"},
        (400, "reference_not_taken", "input_references[1].role"),
    ),
    "a model of text": (
        {"input_references": [{"image": AWAY, "role": "last"}], "model": "shapes"},
        (400, "reference_not_taken", "input_references[0].role"),
    ),
    "a first picture for a model of text": (
        {"input_references": [{"image": AWAY, "role": "first"}], "model": "shapes"},
        (400, "image_not_taken", "input_references[0]"),
    ),
    "a last picture by its short name": (
        {"image_tail": AWAY, "model": "shapes"},
        (400, "reference_not_taken", "image_tail"),
    ),
    "a picture where a video is due": (
        {"input_references": [{"image": AWAY, "role": "control"}], "model": "all"},
        (400, "reference_not_taken", "input_references[0].image"),
    ),
    "sound": (
        {"input_references": [{"audio": AWAY, "role": "reference"}], "model": "all"},
        (400, "reference_not_taken", "input_references[0].audio"),
    ),
    "one too many": (
        {"input_references": [{"image": AWAY}] * 3, "model": "all"},
        (400, "too_many_references", "input_references[2].role"),
    ),
    "a mask of nothing": (
        {"input_references": [{"image": AWAY, "role": "mask"}], "model": "all"},
        (400, "reference_required", "input_references[0].role"),
    ),
    "a last one alone": (
        {"last_frame": AWAY, "model": "ends"},
        (400, "reference_required", "last_frame"),
    ),
    "a frame where none is taken": (
        {"input_references": [{"image": AWAY, "frame": 8}], "model": "all"},
        (400, "unsupported_parameter", "input_references[0].frame"),
    ),
    "no frame where one is needed": (
        {"input_references": [{"image": AWAY}], "model": "keys"},
        (400, "reference_required", "input_references[0].frame"),
    ),
    "a frame behind the end": (
        {"input_references": [{"image": AWAY, "frame": 24}], "model": "keys"},
        (400, "invalid_request", "input_references[0].frame"),
    ),
    "a frame between those that are taken": (
        {"input_references": [{"image": AWAY, "frame": 7}], "model": "keys"},
        (400, "invalid_request", "input_references[0].frame"),
    ),
    "a strength where none is taken": (
        {"input_references": [{"image": AWAY, "strength": 0.5}], "model": "all"},
        (400, "unsupported_parameter", "input_references[0].strength"),
    ),
    "a strength above 1": (
        {"input_references": [{"image": AWAY, "frame": 8, "strength": 2}], "model": "keys"},
        (400, "invalid_request", "input_references[0].strength"),
    ),
    "a role that there is not": (
        {"input_references": [{"image": AWAY, "role": "style"}], "model": "all"},
        (400, "invalid_request", "input_references[0].role"),
    ),
    "an unknown field": (
        {"input_references": [{"image": AWAY, "wieght": 1}], "model": "all"},
        (400, "unknown_parameter", "input_references[0].wieght"),
    ),
    "two contents": (
        {"input_references": [{"image": AWAY, "video": AWAY}], "model": "all"},
        (400, "conflicting_parameters", "input_references[0].video"),
    ),
    "no content": (
        {"input_references": [{"role": "last"}], "model": "all"},
        (400, "invalid_request", "input_references[0]"),
    ),
    "the short form beside the list": (
        {"input_reference": AWAY, "input_references": [{"image": AWAY, "role": "last"}], "model": "ends"},
        (400, "conflicting_parameters", "input_references"),
    ),
    "two first ones": (
        {"input_references": [{"image": AWAY, "role": "first"}, {"image": AWAY, "role": "first"}], "model": "ends"},
        (400, "too_many_references", "input_references[1].role"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
async def test_what_a_model_does_not_take_is_refused_by_name_before_it_is_fetched(
    what: str, client: httpx.AsyncClient
) -> None:
    body, answer = REFUSED[what]
    assert await refused(client, **body) == answer


async def test_a_control_video_is_cut_and_resampled_to_the_clip(house: House, client: httpx.AsyncClient) -> None:
    given = [
        {"video": video_url(a_video(60, 24, (96, 80))), "role": "control", "strength": 0.5},
        {"image": data_url(png("white", (64, 64))), "role": "mask"},
        {"image": data_url(png("green")), "role": "reference"},
    ]
    job = await made(house, client, model="all", input_references=given)
    control, mask, reference = job.plan.references
    assert (control.strength, control.artifact.content_type) == (0.5, "video/x-matroska")
    frames = frames_of(await stored(house, control.artifact), job.plan.spec)
    steps = np.diff(frames.mean((1, 2, 3)))
    assert np.abs(steps - 255 / 59 * 24 / 8).max() < 3, "every third frame of 24 a second is one of 8"
    assert (mask.role, reference.role) == (MASK, REFERENCE)
    assert not job.plan.warnings
    short = await made(
        house, client, model="all", input_references=[{"video": video_url(a_video(8)), "role": "control"}]
    )
    assert [(each.code, each.param) for each in short.plan.warnings] == [("input_shorter", "input_references[0].video")]


async def test_what_cannot_be_read_is_refused_by_its_place(client: httpx.AsyncClient) -> None:
    broken = [{"video": "data:video/mp4;base64,AAAA", "role": "control"}]
    assert await refused(client, model="all", input_references=broken) == (
        400, "invalid_video", "input_references[0].video",
    )  # fmt: skip
    no_picture = [{"image": data_url(png())}, {"image": data_url(b"hello")}]
    assert await refused(client, model="all", input_references=no_picture) == (
        400, "invalid_image", "input_references[1].image",
    )  # fmt: skip
    for name, code in (("upload", "upload_not_found"), ("job", "video_not_found")):
        given = [{name: f"{name}_" + "0" * 32, "role": "reference"}]
        assert await refused(client, model="all", input_references=given) == (404, code, f"input_references[0].{name}")


async def test_a_video_of_ones_own_is_begun_with_by_its_last_frame_and_moved_like_as_a_whole(
    house: House, client: httpx.AsyncClient
) -> None:
    source = (await made(house, client)).id
    unfinished = [{"job": source, "role": "first"}]
    assert await refused(client, model="ends", input_references=unfinished) == (
        409, "video_not_completed", "input_references[0].job",
    )  # fmt: skip
    await house.complete(source)
    assert (await house.jobs.get(source)).phase is Phase.COMPLETED
    ends = await made(
        house,
        client,
        model="ends",
        input_references=[{"job": source, "role": "first"}, {"job": source, "role": "last"}],
    )
    greys = [np.asarray(Image.open(io.BytesIO(await stored(house, each)))).mean() for each in ends.plan.inputs]
    assert (greys[0] > 250, greys[1] < 5) == (True, True)
    moved = await made(house, client, model="all", input_references=[{"job": source, "role": "control"}])
    assert frames_of(await stored(house, moved.plan.inputs[0]), moved.plan.spec).shape == (17, 64, 64, 3)


async def test_other_inputs_are_another_video_and_the_same_ones_a_repeat(
    house: House, client: httpx.AsyncClient
) -> None:
    async def asked(role: str, colour: str) -> Any:
        body = {
            "prompt": RED,
            "model": "ends",
            "input_reference": data_url(png()),
            f"{role}_frame": data_url(png(colour)),
        }
        return (await client.post("/v1/videos", json=body)).json()["id"]

    first = await asked("last", "blue")
    await house.complete(first)
    again, other = await asked("last", "blue"), await asked("last", "green")
    assert (await house.jobs.get(again)).phase is Phase.COMPLETED
    assert (await house.jobs.get(other)).phase is Phase.QUEUED


async def test_the_key_tells_apart_what_is_sent(client: httpx.AsyncClient) -> None:
    async def asked(colour: str) -> httpx.Response:
        body = {"prompt": RED, "model": "ends", "input_reference": data_url(png()), "last_frame": data_url(png(colour))}
        return await client.post("/v1/videos", json=body, headers={"Idempotency-Key": "one"})

    first, again, other = await asked("blue"), await asked("blue"), await asked("green")
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_a_remix_has_the_inputs_too_and_they_are_gone_with_the_last_of_them(
    house: House, client: httpx.AsyncClient
) -> None:
    job = await made(house, client, model="all", input_references=[{"image": data_url(png("blue"))}])
    remix = await client.post(f"/v1/videos/{job.id}/remix", json={"prompt": "a green box"})
    again = await house.jobs.get(remix.json()["id"])
    assert again.plan.references == job.plan.references
    (artifact,) = job.plan.inputs
    await client.delete(f"/v1/videos/{job.id}")
    assert await house.artifacts.exists(artifact)
    await client.delete(f"/v1/videos/{again.id}")
    assert not await house.artifacts.exists(artifact)


async def test_an_uploaded_video_is_told_from_a_picture(house: House, client: httpx.AsyncClient) -> None:
    async def uploaded(content: bytes) -> str:
        head = {"tus-resumable": "1.0.0", "upload-length": str(len(content))}
        begun = await client.post("/v1/uploads", headers=head)
        sent = await client.patch(
            begun.headers["location"],
            content=content,
            headers={"tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream"},
        )
        assert sent.status_code == 204, sent.text
        return str(begun.headers["location"].rpartition("/")[2])

    video, picture = await uploaded(a_video()), await uploaded(png())
    shown = (await client.get(f"/v1/uploads/{video}")).json()
    assert (shown["content_type"], shown["width"]) == ("video/mp4", None)
    job = await made(house, client, model="all", input_references=[{"upload": video, "role": "control"}])
    assert [each.kind for each in job.plan.references] == [VIDEO]
    wrong = [{"upload": picture, "role": "control"}]
    assert await refused(client, model="all", input_references=wrong) == (
        400, "reference_not_taken", "input_references[0].upload",
    )  # fmt: skip


async def test_the_plan_before_anything_is_made_has_them(client: httpx.AsyncClient) -> None:
    body = {"prompt": RED, "model": "all", "input_references": [{"image": data_url(png("blue"))}]}
    answer = await client.post("/api/optimization/analyze", json=body)
    assert answer.status_code == 200, answer.text
    assert "It shows what is in the reference." in str(answer.json())


async def test_models_say_what_they_take(client: httpx.AsyncClient) -> None:
    found = {each["id"]: each["inputs"] for each in (await client.get("/v1/models")).json()["data"]}
    assert found["shapes"] == []
    assert [(each["role"], each["kinds"], each["beside"]) for each in found["all"]] == [
        ("reference", ["image"], None),
        ("control", ["video"], None),
        ("mask", ["image", "video"], "control"),
    ]
    assert found["all"][1]["max_seconds"] == 4.25
    assert found["keys"][0]["frame_step"] == 8


async def test_an_extension_takes_none(house: House, client: httpx.AsyncClient) -> None:
    job = await made(house, client, model="ends")
    answer = await client.post(f"/v1/videos/{job.id}/extend", json={"prompt": RED, "last_frame": AWAY})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "last_frame")
