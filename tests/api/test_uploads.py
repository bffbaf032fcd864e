"""Uploads by tus 1.0: in chunks at any Router, looked at as they come, never seen by others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.access.audit.entry import AuditFilter
from app.api.app import create_app
from app.artifacts.memory import MemoryArtifacts
from app.service import file_uploads
from app.service.videos import VideoService
from app.types import Artifact
from tests.api.house import MODEL, House

pytestmark = pytest.mark.anyio
KEYS = {"ann": "key-a", "ben": "key-b"}
TUS = {"tus-resumable": "1.0.0"}
CHUNK = {**TUS, "content-type": "application/offset+octet-stream"}


def noise(width: int = 90, height: int = 60, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


FILE = noise()


class Place:
    """A house of two tenants, and a second Router over the same stores."""

    def __init__(self, **settings: Any) -> None:
        self.house = House(models=(replace(MODEL, takes_image=True),), api_keys=KEYS, **settings)
        self.ann, self.ben = (self.house.client(headers={"authorization": f"Bearer {key}"}) for key in KEYS.values())
        service = VideoService(self.house.service.ports, self.house.settings, self.house.service.now)
        other = create_app(service, self.house.settings, {}, access=self.house.access)
        self.other = httpx.AsyncClient(
            transport=httpx.ASGITransport(other), base_url="http://kinoray", headers={"authorization": "Bearer key-a"}
        )


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    here = Place(
        uploads_most=3,
        uploads_bytes=100_000,
        upload_max_bytes=50_000,
        max_body_bytes=1024,
        max_image_pixels=1_000_000,
        max_image_bytes=1000,
    )
    async with here.ann, here.ben, here.other:
        yield here


async def begun(client: httpx.AsyncClient, length: int = len(FILE), metadata: str = "") -> str:
    headers = {"upload-metadata": metadata} if metadata else {}
    answer = await client.post("/v1/uploads", headers={**TUS, "upload-length": str(length), **headers})
    assert answer.status_code == 201, answer.text
    return httpx.URL(answer.headers["location"]).path


async def sent(client: httpx.AsyncClient, place: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    return await client.patch(place, headers={**CHUNK, "upload-offset": str(offset), **headers}, content=data)


async def whole(client: httpx.AsyncClient, data: bytes = FILE) -> str:
    place = await begun(client, len(data))
    assert (await sent(client, place, 0, data)).status_code == 204
    return place.rpartition("/")[2]


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def whole_part(kept: MemoryArtifacts, part: Artifact) -> bytes:
    return b"".join([piece async for piece in kept.read(part)])


async def content(place: Place, upload: str) -> bytes:
    kept = place.house.artifacts
    (record,) = [each for each in place.house.uploads._kept.values() if each.id == upload]
    return b"".join([await whole_part(kept, part) for part in record.parts])


async def test_it_says_what_it_can_without_a_key(place: Place) -> None:
    async with place.house.client() as anyone:
        answer = await anyone.options("/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {
        *("creation", "creation-with-upload", "expiration", "checksum", "termination")
    }
    assert answer.headers["tus-max-size"] == "50000"
    assert "sha1" in answer.headers["tus-checksum-algorithm"]


async def test_chunks_go_to_any_router_and_make_the_file(place: Place) -> None:
    at = await begun(place.ann, metadata="filename YS5wbmc=,empty")
    for number, start in enumerate(range(0, len(FILE), 5000)):
        client = (place.ann, place.other)[number % 2]
        answer = await sent(client, at, start, FILE[start : start + 5000])
        assert answer.status_code == 204, answer.text
        assert int(answer.headers["upload-offset"]) == min(start + 5000, len(FILE))
        assert "GMT" in answer.headers["upload-expires"]
    head = await place.other.head(at, headers=TUS)
    assert (head.status_code, head.headers["upload-offset"], head.headers["upload-length"]) == (
        *(200, str(len(FILE)), str(len(FILE))),
    )
    assert (head.headers["cache-control"], head.headers["upload-metadata"]) == ("no-store", "filename YS5wbmc=,empty")
    found = (await place.ann.get(at)).json()
    assert (found["status"], found["content_type"], found["width"], found["height"]) == (
        "completed",
        "image/png",
        90,
        60,
    )
    assert found["metadata"] == {"filename": "a.png", "empty": ""}
    assert await content(place, found["id"]) == FILE
    assert (await place.ann.get("/v1/uploads")).json()["data"] == [found]


async def test_the_first_chunk_may_come_with_the_beginning(place: Place) -> None:
    answer = await place.ann.post("/v1/uploads", headers={**CHUNK, "upload-length": str(len(FILE))}, content=FILE[:99])
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "99")
    assert answer.json()["width"] == 90


async def test_of_two_chunks_for_one_place_one_is_409(place: Place) -> None:
    at = await begun(place.ann)
    answers = await asyncio.gather(*(sent(client, at, 0, FILE[:500]) for client in (place.ann, place.other)))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert (await sent(place.ann, at, 0, FILE[:500])).json()["error"]["code"] == "upload_offset_mismatch"
    upload = at.rpartition("/")[2]
    assert len(await place.house.artifacts.files(upload)) == 1, "what lost is not kept"
    assert await content(place, upload) == FILE[:500]


async def test_a_chunk_that_is_not_what_its_checksum_says_leaves_nothing(place: Place) -> None:
    at = await begun(place.ann)
    right = base64.b64encode(hashlib.sha1(FILE[:500]).digest()).decode()
    answer = await sent(place.ann, at, 0, FILE[:499] + b"\0", **{"upload-checksum": f"sha1 {right}"})
    assert refused(answer) == (460, "checksum_mismatch")
    assert (await place.ann.head(at)).headers["upload-offset"] == "0"
    assert await place.house.artifacts.files(at.rpartition("/")[2]) == {}
    answer = await sent(place.ann, at, 0, FILE[:500], **{"upload-checksum": f"sha1 {right}"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "500")
    for odd in ("crc9 AAAA", "sha1 AAAA", "sha1 ???", "sha1"):
        assert refused(await sent(place.ann, at, 500, b"x", **{"upload-checksum": odd})) == (400, "invalid_request")


async def test_what_came_of_a_chunk_that_was_cut_off_is_kept(place: Place) -> None:
    at = await begun(place.ann)

    async def cut() -> AsyncIterator[bytes]:
        yield FILE[:700]
        raise file_uploads.Interrupted

    caller = await place.house.access.gate.enter("Bearer key-a", "127.0.0.1", "")
    with pytest.raises(file_uploads.Interrupted):
        await place.house.service.uploads.append(at.rpartition("/")[2], caller, 0, cut())
    assert (await place.other.head(at)).headers["upload-offset"] == "700"
    assert (await sent(place.other, at, 700, FILE[700:])).status_code == 204
    assert await content(place, at.rpartition("/")[2]) == FILE


async def test_small_chunks_make_few_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_uploads, "LEAST_PART_BYTES", 1000)
    at = await begun(place.ann, 5000)
    for start in range(0, 5000, 100):
        assert (await sent(place.ann, at, start, FILE[start : start + 100])).status_code == 204
    upload = at.rpartition("/")[2]
    assert len(await place.house.artifacts.files(upload)) == 5
    assert await content(place, upload) == FILE[:5000]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GIF89a" + bytes(99), (400, "invalid_image")),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", (400, "invalid_image")),
        (noise(2000, 501, "JPEG"), (413, "image_too_large")),
        (noise(90, 8), (400, "invalid_image")),
        (FILE[:20], (400, "invalid_image")),
    ],
)
async def test_what_is_no_picture_or_too_large_a_one_is_refused_by_its_first_bytes(
    place: Place, data: bytes, why: tuple[int, str]
) -> None:
    at = await begun(place.ann, min(len(data), 50_000))
    assert refused(await sent(place.ann, at, 0, data[:40_000])) == why
    assert refused(await place.ann.get(at)) == (404, "upload_not_found")
    assert await place.house.artifacts.makers() == []


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"tus-resumable": "0.2.2"}, (412, "unsupported_tus_version")),
        ({"tus-resumable": ""}, (412, "unsupported_tus_version")),
        ({"upload-length": "0"}, (400, "invalid_request")),
        ({"upload-length": "-1"}, (400, "invalid_request")),
        ({"upload-length": "1e3"}, (400, "invalid_request")),
        ({"upload-length": "50001"}, (413, "upload_too_large")),
        ({"upload-length": "9" * 40}, (400, "invalid_request")),
        ({"upload-metadata": "a ???"}, (400, "invalid_request")),
        ({"upload-metadata": "a YQ==,a YQ=="}, (400, "invalid_request")),
        ({"upload-metadata": f"a {'YWFh' * 2000}"}, (400, "invalid_request")),
    ],
)
async def test_what_cannot_begin_is_refused(place: Place, headers: dict[str, str], why: tuple[int, str]) -> None:
    answer = await place.ann.post("/v1/uploads", headers={**TUS, "upload-length": "10", **headers})
    assert refused(answer) == why
    assert answer.headers["tus-resumable"] == "1.0.0"


async def test_more_than_was_announced_and_other_bodies_are_refused(place: Place) -> None:
    at = await begun(place.ann, 500)
    assert refused(await sent(place.ann, at, 0, FILE[:501])) == (413, "upload_too_large")
    assert refused(await sent(place.ann, at, 0, bytes(60_000))) == (413, "payload_too_large")
    other = await sent(place.ann, at, 0, b"{}", **{"content-type": "application/json"})
    assert refused(other) == (415, "unsupported_media_type")
    assert refused(await place.ann.post("/v1/uploads", json={}, headers=TUS)) == (400, "invalid_request")
    large = await place.ann.post("/v1/videos", json={"prompt": "x" * 2000})
    assert large.status_code == 413, "other routes keep their limit"


async def test_a_tenant_has_so_many_and_so_much_and_deletes_make_room(place: Place) -> None:
    first = await begun(place.ann, 50_000)
    await begun(place.ann, 49_000)
    answer = await place.ann.post("/v1/uploads", headers={**TUS, "upload-length": "1001"})
    assert refused(answer) == (409, "too_many_uploads")
    await begun(place.ann, 1000)
    answer = await place.ann.post("/v1/uploads", headers={**TUS, "upload-length": "1"})
    assert refused(answer) == (409, "too_many_uploads")
    await begun(place.ben, 50_000)
    gone = await place.ann.delete(first, headers=TUS)
    assert (gone.status_code, gone.content) == (204, b"")
    await begun(place.ann, 1000)


async def test_others_neither_see_nor_touch_it(place: Place) -> None:
    at = await begun(place.ann)
    asked = [place.ben.get(at), sent(place.ben, at, 0, FILE), place.ben.delete(at), place.ben.get(f"{at}0")]
    assert [refused(await each) for each in asked] == [(404, "upload_not_found")] * 4
    asking = {"prompt": "a red ball", "input_reference": {"upload": at.rpartition("/")[2]}}
    assert refused(await place.ben.post("/v1/videos", json=asking)) == (404, "upload_not_found")
    assert (await place.ben.get("/v1/uploads")).json()["data"] == []


async def test_clients_that_know_only_post_can_say_so(place: Place) -> None:
    at = await begun(place.ann)
    patch = {**CHUNK, "upload-offset": "0", "x-http-method-override": "PATCH"}
    assert (await place.ann.post(at, headers=patch, content=FILE)).headers["upload-offset"] == str(len(FILE))
    assert (await place.ann.post(at, headers={**TUS, "x-http-method-override": "DELETE"})).status_code == 204
    assert refused(await place.ann.post(at, headers={**TUS})) == (400, "invalid_request")


async def test_a_job_begins_with_it_and_keeps_what_it_needs(place: Place) -> None:
    upload = await whole(place.ann)
    asking: dict[str, Any] = {"prompt": "a red ball", "input_reference": {"upload": upload}}
    first = (await place.ann.post("/v1/videos", json=asking)).json()
    form = {"prompt": "a red ball", "input_reference[upload]": upload}
    second = (await place.ann.post("/v1/videos", data=form)).json()
    third = (await place.ann.post("/v1/videos", data={**form, "seed": "3"}, headers={"idempotency-key": "k"})).json()
    jobs = [await place.house.jobs.get(each["id"]) for each in (first, second, third)]
    (image,) = {job.plan.image for job in jobs}
    assert image is not None
    assert await place.house.artifacts.exists(image)
    assert (await place.ann.post("/api/optimization/analyze", json=asking)).status_code == 200
    await place.ann.delete(f"/v1/uploads/{upload}")
    assert await place.house.artifacts.exists(image)
    assert refused(await place.ann.post("/v1/videos", json=asking)) == (404, "upload_not_found")


async def test_one_that_is_not_whole_or_badly_named_begins_nothing(place: Place) -> None:
    at = await begun(place.ann)
    await sent(place.ann, at, 0, FILE[:100])
    asking: dict[str, Any] = {"prompt": "a red ball", "input_reference": {"upload": at.rpartition("/")[2]}}
    assert refused(await place.ann.post("/v1/videos", json=asking)) == (409, "upload_incomplete")
    for odd in (5, "", None, ["a"], "../x"):
        asking["input_reference"] = {"upload": odd}
        assert (await place.ann.post("/v1/videos", json=asking)).status_code in (400, 404), odd
    asking["input_reference"] = {"upload": "a", "url": "http://x/y.png"}
    assert refused(await place.ann.post("/v1/videos", json=asking)) == (400, "conflicting_parameters")


async def test_the_audit_log_has_its_beginning_and_end_and_refusals_and_not_each_chunk(place: Place) -> None:
    at = await begun(place.ann)
    await sent(place.ann, at, 0, FILE)
    await place.ben.patch(at, headers={**CHUNK, "upload-offset": "0"}, content=b"x")
    await place.ann.delete(at)
    await place.house.access.writer.flush()
    page = await place.house.access.audit.page(AuditFilter(), None, 50, False)
    told = [entry for _, entry in page.entries]
    assert [(entry.action, entry.tenant, entry.status) for entry in told] == [
        ("POST /v1/uploads", "ann", 201),
        ("PATCH /v1/uploads/{upload_id}", "ben", 404),
        ("DELETE /v1/uploads/{upload_id}", "ann", 204),
    ]
    assert {entry.resource for entry in told} == {at.rpartition("/")[2]}


async def test_a_key_without_the_scope_is_refused() -> None:
    house = House(api_keys=KEYS, api_key_scopes={"ben": ["videos:write"]})
    async with house.client(headers={"authorization": "Bearer key-b"}) as ben:
        answer = await ben.post("/v1/uploads", headers={**TUS, "upload-length": "10"})
        assert refused(answer) == (403, "insufficient_scope")
        assert answer.headers["tus-resumable"] == "1.0.0"
