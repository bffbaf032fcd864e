"""The client's uploads against the real application: sent in chunks, gone on with after what was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.client import begin_with
from app.client.begin_with import begun_with, picture_of
from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.options import CreateOptions
from tests.api.house import MODEL, House
from tests.api.test_uploads import noise

pytestmark = pytest.mark.anyio
FILE = noise()


class Wire(httpx.AsyncBaseTransport):
    """Loses some answers: the request was heard, and nobody learns of it; and some chunks half-way."""

    def __init__(self, house: House) -> None:
        self.inner = httpx.ASGITransport(house.app)
        self.lose: list[str] = []
        self.heard: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request.method)
        answer = await self.inner.handle_async_request(request)
        if self.lose and request.method == self.lose[0]:
            self.lose.pop(0)
            raise httpx.ReadError("the Router died")
        return answer


@pytest.fixture
def house() -> House:
    return House(models=(replace(MODEL, takes_image=True),), max_image_bytes=1000)


@pytest.fixture
async def kinoray(house: House) -> AsyncIterator[Kinoray]:
    async with Kinoray("http://kinoray") as client:
        await client._transport.http.aclose()
        client._transport.http = httpx.AsyncClient(transport=Wire(house), base_url="http://kinoray")
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "größe.png"
    path.write_bytes(FILE)
    return path


def wire(kinoray: Kinoray) -> Any:
    return kinoray._transport.http._transport


async def test_a_file_is_sent_in_chunks_and_named_by_requests(kinoray: Kinoray, house: House, file: Path) -> None:
    told: list[int] = []
    kept = await kinoray.uploads.create(file, chunk_bytes=5000, on_sent=told.append)
    assert (kept["status"], kept["width"], kept["metadata"]) == ("completed", 90, {"filename": "größe.png"})
    assert told == [*range(5000, len(FILE), 5000), len(FILE)]
    assert await kinoray.uploads.list() == (kept,)
    video = await kinoray.create("a red ball", input_reference={"upload": str(kept["id"])})
    assert (await house.jobs.get(video.id)).plan.image is not None
    await kinoray.uploads.delete(str(kept["id"]))
    assert await kinoray.uploads.list() == ()
    asked: dict[str, Any] = dict(await kinoray.asked(video.id))
    given = await kinoray.given(video.id)  # there when the upload is gone, too
    assert ([each["size_bytes"] for each in asked["inputs"]], given[:4]) == ([len(given)], b"\x89PNG")


async def test_it_goes_on_after_answers_that_were_lost(kinoray: Kinoray, file: Path) -> None:
    wire(kinoray).lose = ["PATCH", "PATCH"]
    kept = await kinoray.uploads.create(file, chunk_bytes=5000)
    assert kept["status"] == "completed"
    assert wire(kinoray).heard.count("PATCH") == -(-len(FILE) // 5000), "what came is not sent again"


async def test_what_was_given_up_is_resumed_by_another_call(kinoray: Kinoray, file: Path, house: House) -> None:
    upload = (await kinoray._transport.raw("POST", "/v1/uploads", HEADERS)).json()["id"]
    await kinoray._transport.raw("PATCH", f"/v1/uploads/{upload}", {**CHUNK, "upload-offset": "0"}, FILE[:7000])
    kept = await kinoray.uploads.resume(upload, file, chunk_bytes=5000)
    assert (kept["id"], kept["status"]) == (upload, "completed")
    with pytest.raises(KinorayClientError) as caught:
        await kinoray.uploads.resume("upload_" + "0" * 32, file)
    assert caught.value.status == 404


async def test_a_refusal_is_told_at_once(kinoray: Kinoray, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + bytes(50))
    with pytest.raises(KinorayClientError) as caught:
        await kinoray.uploads.create(tmp_path / "a.gif")
    assert caught.value.code == "invalid_image"
    assert wire(kinoray).heard == ["POST", "HEAD", "PATCH"]


async def test_generate_uploads_a_large_file_and_leaves_none(
    kinoray: Kinoray, house: House, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(picture_of(str(file))).startswith("data:")
    monkeypatch.setattr(begin_with, "LARGE_BYTES", 100)
    video = await begun_with(kinoray, picture_of(str(file)), "a red ball", CreateOptions(seed=3))
    plan = (await house.jobs.get(video.id)).plan
    assert plan.image is not None
    assert plan.sampling.seed == 3
    assert await kinoray.uploads.list() == ()


HEADERS = {"tus-resumable": "1.0.0", "upload-length": str(len(FILE))}
CHUNK = {"tus-resumable": "1.0.0", "content-type": "application/offset+octet-stream"}
