"""LoRAs that tenants upload: kept if they fit, named by requests, never seen by others."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.service.lora_uploads import AT_ONCE
from app.types import RequestableLora
from app.uploads.fit import Fit
from tests.api.house import MODEL, PICTURES, House
from tests.uploads.files import adapter

pytestmark = pytest.mark.anyio
RED = "a red ball"
TAKES = replace(MODEL, adapters=("film",), loras=(RequestableLora("film", "grainy"),), lora_uploads=True)
KEYS = {"ann": "key-a", "ben": "key-b"}
FILE = adapter()


class Fits:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.says = Fit(layers=1)
        self.asked: list[tuple[bytes, str, str]] = []

    async def fit(self, path: Path, model: str, expert: str) -> Fit:
        self.asked.append((path.read_bytes(), model, expert))
        return self.says


class Place:
    """A house with two tenants."""

    def __init__(self, **settings: Any) -> None:
        self.fits = Fits()
        self.house = House(models=(TAKES, PICTURES), fits=self.fits, api_keys=KEYS, share_results=True, **settings)
        self.ann, self.ben = (self.house.client(headers={"authorization": f"Bearer {key}"}) for key in KEYS.values())


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    here = Place(lora_uploads_most=3, lora_upload_max_bytes=4096, max_body_bytes=1024)
    async with here.ann, here.ben:
        yield here


async def sent(client: httpx.AsyncClient, name: str = "ink", data: bytes = FILE, **facts: str) -> httpx.Response:
    return await client.post("/v1/loras", data={"name": name} | facts, files={"file": ("a.safetensors", data)})


def refused(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


async def test_a_form_and_bare_bytes_keep_the_same(place: Place) -> None:
    first = (await sent(place.ann, description="for me")).json()
    assert (first["name"], first["model"], first["owner"], first["ranks"]) == ("ink", "shapes", "you", [4])
    assert (first["bytes"], first["sha256"]) == (len(FILE), hashlib.sha256(FILE).hexdigest())
    assert first["description"] == "for me"
    bare = await place.ann.post(
        "/v1/loras?name=ink2&model=shapes", content=FILE, headers={"content-type": "application/octet-stream"}
    )
    assert bare.json()["sha256"] == first["sha256"]
    assert place.fits.asked == [(FILE, "shapes", "high")] * 2
    assert (
        (await place.ann.get("/v1/loras/ink")).json()
        == first
        == (await place.ann.get(f"/v1/loras/{first['id']}")).json()
    )
    assert await place.house.artifacts.makers() == sorted([first["id"], bare.json()["id"]])


@pytest.mark.parametrize(
    ("facts", "data", "why"),
    [
        ({}, FILE[:-1], (400, "invalid_lora", "file")),
        ({"model": "none"}, FILE, (404, "model_not_found", "model")),
        ({"model": "stills"}, FILE, (403, "lora_uploads_off", "model")),
        ({"name": "film"}, FILE, (409, "lora_exists", "name")),
        ({"name": "a:1"}, FILE, (400, "invalid_request", "name")),
        ({"name": ""}, FILE, (400, "invalid_request", "name")),
        ({"expert": "low"}, FILE, (400, "invalid_request", "expert")),
        ({"partial": "perhaps"}, FILE, (400, "invalid_request", "partial")),
        ({"scale": "1"}, FILE, (400, "unknown_parameter", "scale")),
        ({}, FILE + b" " * 4096, (413, "lora_too_large", "file")),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_leaves_nothing(
    place: Place, facts: dict[str, str], data: bytes, why: tuple[int, str, str]
) -> None:
    assert refused(await sent(place.ann, **{"name": "ink", "data": data, **facts})) == why  # type: ignore[arg-type]
    assert await place.house.artifacts.makers() == []


async def test_a_file_that_does_not_fit_is_400_naming_why_and_which_layers(place: Place) -> None:
    place.fits.says = Fit("it cannot be loaded: size mismatch")
    answer = await sent(place.ann)
    assert refused(answer) == (400, "lora_does_not_fit", "file")
    assert "size mismatch" in answer.json()["error"]["message"]
    place.fits.says = Fit(None, 8, ("blocks.7.attn1.to_q",))
    answer = await sent(place.ann)
    assert "blocks.7.attn1.to_q" in answer.json()["error"]["message"]
    kept = await sent(place.ann, partial="true")
    assert (kept.status_code, kept.json()["lost_layers"]) == (200, ["blocks.7.attn1.to_q"])


async def test_so_many_are_kept_and_names_are_given_once(place: Place) -> None:
    for name in ("a", "b"):
        assert (await sent(place.ann, name)).status_code == 200
    assert refused(await sent(place.ann, "a")) == (409, "lora_exists", "name")
    assert (await sent(place.ann, "c")).status_code == 200
    assert refused(await sent(place.ann, "d")) == (409, "too_many_loras", None)
    assert len(await place.house.artifacts.makers()) == 3
    assert (await sent(place.ben, "a")).status_code == 200


async def test_pages_hold_ones_own_and_the_operators_and_survive_their_cursor(place: Place) -> None:
    ids = [(await sent(place.ann, name)).json()["id"] for name in ("a", "b")]
    await sent(place.ben, "c")
    whole = (await place.ann.get("/v1/loras")).json()
    assert [each["id"] for each in whole["data"]] == [ids[1], ids[0], "shapes:film"]
    page = (await place.ann.get("/v1/loras?limit=1")).json()
    assert (page["last_id"], page["has_more"]) == (ids[1], True)
    assert (await place.ann.delete("/v1/loras/b")).json() == {"id": ids[1], "object": "lora.deleted", "deleted": True}
    page = (await place.ann.get(f"/v1/loras?limit=2&after={page['last_id']}")).json()
    assert [each["name"] for each in page["data"]] == ["a", "film"]
    assert not page["has_more"]
    oldest = (await place.ann.get("/v1/loras?order=asc&after=")).json()
    assert [each["owner"] for each in oldest["data"]] == ["operator", "you"]


async def test_others_neither_see_delete_nor_wear_it(place: Place) -> None:
    kept = (await sent(place.ann)).json()
    for name in ("ink", kept["id"]):
        assert refused(await place.ben.get(f"/v1/loras/{name}")) == (404, "lora_not_found", None)
        assert refused(await place.ben.delete(f"/v1/loras/{name}")) == (404, "lora_not_found", None)
        answer = await place.ben.post("/v1/videos", json={"prompt": RED, "loras": [name]})
        assert refused(answer) == (400, "unknown_lora", "loras.0.name")
    assert refused(await place.ann.delete("/v1/loras/film")) == (409, "operator_lora", None)


async def test_a_request_names_it_as_the_operators_and_is_found_by_its_content(place: Place) -> None:
    kept = (await sent(place.ann)).json()
    asked = {"prompt": RED, "loras": [{"name": "ink", "strength": 0.5}, "film"]}
    video = (await place.ann.post("/v1/videos", json=asked)).json()
    assert video["optimization"]["loras"] == [{"name": "film", "strength": 1.0}, {"name": "ink", "strength": 0.5}]
    plan = (await place.house.jobs.get(video["id"])).plan
    assert plan.uploads[0].sha256 == kept["sha256"]
    assert dict(plan.adapters)[plan.uploads[0].mark] == 0.5
    await place.house.complete(video["id"])
    again = {"prompt": RED, "loras": [{"name": kept["id"], "strength": 0.5}, "film"]}
    assert (await place.ann.post("/v1/videos", json=again)).json()["status"] == "completed"
    await sent(place.ann, "other", adapter(seed=1))
    other = {"prompt": RED, "loras": [{"name": "other", "strength": 0.5}, "film"]}
    assert (await place.ann.post("/v1/videos", json=other)).json()["status"] == "queued"
    remix = (await place.ann.post(f"/v1/videos/{video['id']}/remix", json={"prompt": "a blue box"})).json()
    assert remix["optimization"]["loras"] == video["optimization"]["loras"]
    twice = {"prompt": RED, "loras": ["ink", kept["id"]]}
    assert refused(await place.ann.post("/v1/videos", json=twice)) == (400, "duplicate_parameter", "loras.1.name")


async def test_results_that_are_shared_are_not_where_the_adapter_is_ones_own(place: Place) -> None:
    for client in (place.ann, place.ben):
        await sent(client)
    worn, plain = {"prompt": RED, "loras": "ink"}, {"prompt": RED}
    for asked, answered in ((plain, "completed"), (worn, "queued")):
        await place.house.complete((await place.ann.post("/v1/videos", json=asked)).json()["id"])
        assert (await place.ben.post("/v1/videos", json=asked)).json()["status"] == answered


async def test_a_deleted_one_cannot_be_named_but_is_there_for_jobs_until_they_end(place: Place) -> None:
    kept = (await sent(place.ann)).json()
    asked = {"prompt": RED, "loras": "ink"}
    video = (await place.ann.post("/v1/videos", json=asked)).json()
    await place.ann.delete("/v1/loras/ink")
    assert refused(await place.ann.post("/v1/videos", json=asked)) == (400, "unknown_lora", "loras.0.name")
    assert kept["id"] in await place.house.artifacts.makers()
    unworn = (await sent(place.ann, "free")).json()
    await place.ann.delete("/v1/loras/free")
    assert unworn["id"] not in await place.house.artifacts.makers()
    assert (await place.ann.get(f"/v1/videos/{video['id']}")).json()["status"] == "queued"


async def test_where_none_are_taken_the_file_is_not_even_read() -> None:
    house = House()
    async with house.client() as client:
        assert refused(await sent(client)) == (403, "lora_uploads_off", None)
        assert (await client.get("/v1/loras")).json()["data"] == []
        assert (await client.get("/v1/models")).json()["data"][0]["lora_uploads"] is False


async def test_what_is_no_file_is_refused_by_its_type(place: Place) -> None:
    assert refused(await place.ann.post("/v1/loras", json={"name": "ink"})) == (
        415,
        "unsupported_media_type",
        "content-type",
    )
    answer = await place.ann.post("/v1/loras", files={"name": (None, "ink")})
    assert refused(answer) == (400, "invalid_request", "file")
    big = await place.ann.post("/v1/videos", json={"prompt": "x" * 2000})
    assert big.status_code == 413, "other routes keep their limit"


async def test_only_so_many_files_come_at_a_time(place: Place) -> None:
    with ExitStack() as others:
        for _ in range(AT_ONCE):
            others.enter_context(place.house.service.loras.turn())
        answer = await sent(place.ann)
        assert refused(answer) == (429, "overloaded", None)
        assert "retry-after" in answer.headers
    assert (await sent(place.ann)).status_code == 200
