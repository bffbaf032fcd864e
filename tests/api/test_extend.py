"""Extensions: a completed video goes on from its last frame, by OpenAI's verb and by our own."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.cache.results import ResultCache
from app.service.background import Background
from app.service.retention import Terms, tidy
from app.stores import memory_stores
from app.types import Job, Measured, RequestableLora
from app.video.encode import Frames
from app.video.join import frames_of
from app.worker.finishing import JobFinisher
from tests.api.house import MODEL, House
from tests.api.test_openai import opened

pytestmark = pytest.mark.anyio
RED = "a red ball"
SEES = replace(MODEL, id="sees", takes_image=True, adapters=("ink",), loras=(RequestableLora("ink"),))
BLIND = replace(MODEL, id="shapes")
SMALL = replace(MODEL, id="small", sizes=((32, 32),))


@pytest.fixture
async def studio() -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    house = House(models=(BLIND, SEES, SMALL))
    async with house.client() as client:
        yield house, client


Studio = tuple[House, httpx.AsyncClient]


def clip(shade: int, frames: int) -> Frames:
    """Frames (F, 64, 64, 3) that get brighter, from a shade on."""
    return np.stack([np.full((64, 64, 3), shade + 2 * number, np.uint8) for number in range(frames)])


async def finish(house: House, job_id: str, frames: Frames) -> Job:
    """Close a job with its frames by the real finisher."""
    lease = await house.jobs.lease(job_id, "main", 30, time.time())
    stores = replace(
        memory_stores(house.settings),
        **{name: getattr(house, name) for name in ("jobs", "flights", "events", "board", "meter", "artifacts")},
    )
    background = Background()
    finisher = JobFinisher(stores, house.settings, ResultCache(house.cache), background)
    await finisher.finish(job_id, lease.fence, frames, Measured({}, 1.0, None, 20))
    await background.close()
    return await house.jobs.get(job_id)


async def made(house: House, client: httpx.AsyncClient, frames: Frames | None = None, **asked: Any) -> dict[str, Any]:
    """A completed video of 9 frames at 8 a second."""
    body = {"prompt": RED, "model": "sees", "num_frames": 9, "fps": 8, "size": "64x64"} | asked
    video = (await client.post("/v1/videos", json=body)).json()
    await finish(house, video["id"], clip(40, 9) if frames is None else frames)
    found: dict[str, Any] = (await client.get(f"/v1/videos/{video['id']}")).json()
    assert found["status"] == "completed"
    return found


async def content(client: httpx.AsyncClient, video: dict[str, Any]) -> bytes:
    answer = await client.get(f"/v1/videos/{video['id']}/content")
    assert answer.status_code == 200
    return answer.content


async def test_openais_verb_makes_a_file_that_holds_both_without_the_doubled_frame(studio: Studio) -> None:
    house, client = studio
    source = await made(house, client)
    async with opened(house) as videos:
        file = ("first.mp4", await content(client, source))
        longer = await videos.extend(prompt="it bounces away", seconds="1", video=file)
    assert longer.status == "queued"
    plan = (await house.jobs.get(longer.id)).plan
    assert plan.image is not None
    assert plan.extends is not None
    assert (plan.spec.frames, plan.whole.frames, plan.whole.fps) == (9, 17, 8)
    assert (longer.num_frames, longer.seconds, longer.size, longer.model) == (17, "2.125", "64x64", "sees")
    old = frames_of(await content(client, source), 64, 64)
    picture = b"".join([chunk async for chunk in house.artifacts.read(plan.image)])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture))), old[-1])
    new = clip(56, 9)
    await finish(house, longer.id, new)
    whole = frames_of(await content(client, {"id": longer.id}), 64, 64)
    assert whole.shape == (17, 64, 64, 3)
    assert np.abs(whole.astype(int) - np.concatenate([old, new[1:]])).max() <= 3
    for variant in ("thumbnail", "spritesheet"):
        assert (await client.get(f"/v1/videos/{longer.id}/content?variant={variant}")).status_code == 200


async def test_an_extension_gets_its_frames_and_its_size_as_its_source_did(studio: Studio) -> None:
    house, client = studio
    source = await made(house, client, fps=16, num_frames=17, upscale=2)
    assert source["size"] == "128x128"
    longer = (await client.post(f"/v1/videos/{source['id']}/extend", json={"prompt": RED, "seconds": 1})).json()
    assert (longer["fps"], longer["num_frames"], longer["size"]) == (16, 33, "128x128")
    assert (longer["optimization"]["frames_made"], longer["optimization"]["fps_made"]) == (9, 8)
    await finish(house, longer["id"], clip(56, 9))
    assert frames_of(await content(client, longer), 128, 128).shape == (33, 128, 128, 3)
    asked = (await client.get(f"/v1/videos/{longer['id']}/request")).json()
    assert (asked["extends"], [each["role"] for each in asked["inputs"]]) == (source["id"], ["first"])
    refused = await client.post(f"/v1/videos/{source['id']}/extend", json={"prompt": RED, "upscale": 4})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "upscale")


@pytest.mark.parametrize("form", [True, False])
async def test_a_video_is_named_by_its_id_as_openai_documents_it(studio: Studio, form: bool) -> None:
    house, client = studio
    source = await made(house, client)
    if form:
        fields = [("prompt", RED), ("seconds", "1"), ("video[id]", source["id"])]
        answer = await client.post("/v1/videos/extensions", files=[(name, (None, value)) for name, value in fields])
    else:
        body = {"prompt": RED, "seconds": "1", "video": {"id": source["id"]}}
        answer = await client.post("/v1/videos/extensions", json=body)
    assert (answer.status_code, answer.json()["num_frames"]) == (200, 17)


async def test_an_extension_is_extended_in_its_turn(studio: Studio) -> None:
    house, client = studio
    video = await made(house, client)
    for count in (17, 25, 33):
        answer = await client.post(f"/v1/videos/{video['id']}/extend", json={"prompt": RED, "seconds": 1})
        video = answer.json()
        assert (answer.status_code, video["num_frames"]) == (200, count)
        await finish(house, video["id"], clip(40, 9))
        assert len(frames_of(await content(client, video), 64, 64)) == count


async def test_what_is_left_open_is_as_in_the_source(studio: Studio) -> None:
    house, client = studio
    source = await made(house, client, loras="ink:0.5", flow_shift=5, tier="preview", negative_prompt="a box")
    plain = (await client.post(f"/v1/videos/{source['id']}/extend", json={"prompt": RED})).json()
    assert (plain["quality"], plain["optimization"]["flow_shift"]) == ("preview", 5)
    assert plain["optimization"]["loras"] == [{"name": "ink", "strength": 0.5}]
    assert (await house.jobs.get(plain["id"])).plan.negative_prompt == "a box"
    assert f"It goes on from the last frame of {source['id']}." in plain["optimization"]["reasons"]
    own = {"prompt": RED, "tier": "standard", "flow_shift": 2, "loras": "ink", "seed": 4, "size": "64x64", "fps": 8}
    other = (await client.post(f"/v1/videos/{source['id']}/extend", json=own)).json()
    assert (other["quality"], other["seed"], other["optimization"]["flow_shift"]) == ("standard", 4, 2)
    assert other["optimization"]["loras"] == [{"name": "ink", "strength": 1.0}]


async def test_the_same_again_is_found_and_another_source_is_another_video(studio: Studio) -> None:
    house, client = studio
    one, two = await made(house, client, seed=1), await made(house, client, seed=2)
    asked = {"prompt": RED, "seconds": 1}
    first = (await client.post(f"/v1/videos/{one['id']}/extend", json=asked)).json()
    await finish(house, first["id"], clip(56, 9))
    again = (await client.post("/v1/videos/extensions", json=asked | {"video": one["id"]})).json()
    assert (again["status"], again["cache"]["hit"], again["num_frames"]) == ("completed", True, 17)
    other = (await client.post(f"/v1/videos/{two['id']}/extend", json=asked)).json()
    assert other["status"] == "queued", "its picture is the same, but not what stands before it"
    plan = (await house.jobs.get(first["id"])).plan
    assert plan.image is not None
    assert plan.image.key.endswith(f"{hashlib.sha256(await stored(house, plan.image)).hexdigest()}.png")
    assert first["optimization"]["estimated_step_seconds"] == pytest.approx(
        one["optimization"]["estimated_step_seconds"], rel=1e-6
    ), "the frames that are there already cost nothing"


async def stored(house: House, artifact: Any) -> bytes:
    return b"".join([chunk async for chunk in house.artifacts.read(artifact)])


async def test_a_replay_needs_nothing_of_the_source_and_another_request_is_refused(studio: Studio) -> None:
    house, client = studio
    source = await made(house, client)
    path, key = f"/v1/videos/{source['id']}/extend", {"Idempotency-Key": "k1"}
    first = await client.post(path, json={"prompt": RED, "seconds": 1}, headers=key)
    await client.delete(f"/v1/videos/{source['id']}")
    again = await client.post(path, json={"prompt": RED, "seconds": 1}, headers=key)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert again.headers["idempotent-replayed"] == "true"
    other = await client.post(path, json={"prompt": RED, "seconds": 2}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_a_deleted_source_is_kept_for_who_goes_on_from_it_and_then_goes(studio: Studio) -> None:
    house, client = studio
    off = {"mode": "off"}
    source = await made(house, client, cache=off)
    asked = {"prompt": RED, "seconds": 1, "cache": off}
    longer = (await client.post(f"/v1/videos/{source['id']}/extend", json=asked)).json()
    await client.delete(f"/v1/videos/{source['id']}")
    stores = replace(
        memory_stores(house.settings),
        **{name: getattr(house, name) for name in ("jobs", "board", "meter", "artifacts", "events")},
    )
    assert await tidy(stores, Terms(0.0, 0.0), time.time() + 10**6) == 0
    done = await finish(house, longer["id"], clip(56, 9))
    assert len(frames_of(await stored(house, done.artifacts["video"]), 64, 64)) == 17
    await client.delete(f"/v1/videos/{longer['id']}")
    await tidy(stores, Terms(0.0, 0.0), time.time() + 10**7)
    assert await house.artifacts.makers() == ["owner"]


async def test_a_model_that_takes_no_picture_says_what_can_be_used(studio: Studio) -> None:
    house, client = studio
    source = await made(house, client, model="shapes")
    path = f"/v1/videos/{source['id']}/extend"
    refused = await client.post(path, json={"prompt": RED})
    assert (refused.status_code, refused.json()["error"]["code"]) == (501, "not_supported")
    assert "sees" in refused.json()["error"]["message"]
    named = await client.post(path, json={"prompt": RED, "model": "sees", "seconds": 1})
    assert (named.status_code, named.json()["model"]) == (200, "sees")
    alone = House(models=(BLIND,))
    async with alone.client() as other:
        source = await made(alone, other, model="shapes")
        refused = await other.post(f"/v1/videos/{source['id']}/extend", json={"prompt": RED})
        assert refused.status_code == 501
        assert "remix" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("asked", "status", "code", "param"),
    [
        ({"prompt": ""}, 400, "invalid_request", "prompt"),
        ({"size": "96x64"}, 400, "conflicting_parameters", "size"),
        ({"fps": 4}, 400, "conflicting_parameters", "fps"),
        ({"num_frames": 9}, 400, "invalid_request", "num_frames"),
        ({"seconds": 60}, 400, "unsupported_length", "seconds"),
        ({"input_reference": "data:image/png;base64,AA=="}, 400, "invalid_request", "input_reference"),
        ({"loras": ["film"]}, 400, "unknown_lora", "loras.0.name"),
        ({"model": "small"}, 501, "not_supported", "model"),
        ({"model": "none"}, 404, "model_not_found", "model"),
        ({"zzz": 1}, 400, "unknown_parameter", "zzz"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(
    studio: Studio, asked: dict[str, Any], status: int, code: str, param: str
) -> None:
    house, client = studio
    source = await made(house, client)
    answer = await client.post(f"/v1/videos/{source['id']}/extend", json={"prompt": RED} | asked)
    assert answer.status_code == status
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)


async def test_only_a_completed_video_of_ones_own_is_extended(studio: Studio) -> None:
    house, client = studio
    waiting = (await client.post("/v1/videos", json={"prompt": RED, "model": "sees"})).json()
    early = await client.post(f"/v1/videos/{waiting['id']}/extend", json={"prompt": RED})
    assert (early.status_code, early.json()["error"]["code"]) == (409, "video_not_completed")
    for video in ("video_" + 32 * "0", "../../etc/passwd", {"id": "x"}):
        none = await client.post("/v1/videos/extensions", json={"prompt": RED, "video": video})
        assert (none.status_code, none.json()["error"]["code"]) == (404, "video_not_found")
    odds: list[object] = [None, 7, {}, {"id": ""}, [], {"id": "a", "url": "b"}]
    for odd in odds:
        bad = await client.post("/v1/videos/extensions", json={"prompt": RED, "video": odd})
        assert (bad.status_code, bad.json()["error"]["param"]) == (400, "video")
    file = await client.post("/v1/videos/extensions", data={"prompt": RED}, files={"video": ("a.mp4", b"mp4")})
    assert (file.status_code, file.json()["error"]["code"]) == (501, "not_supported")


async def test_a_remix_of_an_extension_goes_on_from_the_same_video(studio: Studio) -> None:
    house, client = studio
    source = await made(house, client)
    longer = (await client.post(f"/v1/videos/{source['id']}/extend", json={"prompt": RED, "seconds": 1})).json()
    remix = (await client.post(f"/v1/videos/{longer['id']}/remix", json={"prompt": "a blue box"})).json()
    assert remix["num_frames"] == 17


async def test_an_extension_is_no_longer_than_what_can_be_put_together(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, client = studio
    source = await made(house, client)
    monkeypatch.setattr("app.service.extend.MOST_BYTES", 16 * 64 * 64 * 3)
    answer = await client.post(f"/v1/videos/{source['id']}/extend", json={"prompt": RED, "seconds": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_length")


async def test_what_an_extension_leaves_open_is_as_in_its_source(studio: Studio) -> None:
    house, client = studio
    wishes: dict[str, Any] = {
        "negative_prompt": "blur",
        "guidance_scale": 4.5,
        "sampler": "unipc",
        "style": "cinematic",
    }
    source = await made(house, client, tier="standard", **wishes)
    path, asked = f"/v1/videos/{source['id']}/extend", {"prompt": "it bounces away"}
    longer = (await house.jobs.get((await client.post(path, json=asked)).json()["id"])).plan
    assert (longer.negative_prompt, longer.style, longer.tier) == ("blur", "cinematic", "standard")
    assert (longer.sampling.guidance, longer.sampling.sampler) == (4.5, "unipc")
    other = (await house.jobs.get((await client.post(path, json=asked | {"tier": "premium"})).json()["id"])).plan
    assert (other.tier, other.style, other.sampling.guidance) == ("premium", "cinematic", 3.0)
