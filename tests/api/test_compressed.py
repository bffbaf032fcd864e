"""Bodies may come compressed, in any encoding of text, saying each thing once; long answers go out compressed."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest
import zstandard

from tests.api.house import House

pytestmark = pytest.mark.anyio

ASKED = json.dumps({"prompt": "a red ball", "seed": 5}).encode()
JSON = {"content-type": "application/json"}
MIB = 2**20


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)


PACKED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(ASKED)),
    "x-gzip": ("X-GZIP", gzip.compress(ASKED)),
    "gzip in two members": ("gzip", gzip.compress(ASKED[:9]) + gzip.compress(ASKED[9:])),
    "deflate": ("deflate", zlib.compress(ASKED)),
    "bare deflate": ("deflate", bare(ASKED)),
    "zstd": ("zstd", zstd(ASKED)),
    "zstd in two frames": ("zstd", zstd(ASKED[:9]) + zstd(ASKED[9:])),
    "one on the other": ("gzip, zstd", zstd(gzip.compress(ASKED))),
    "identity": ("identity", ASKED),
}


@pytest.mark.parametrize("case", PACKED)
async def test_a_compressed_body_is_read(case: str, client: httpx.AsyncClient) -> None:
    coding, body = PACKED[case]
    answer = await client.post("/v1/videos", content=body, headers=JSON | {"content-encoding": coding})
    assert (answer.status_code, answer.json()["seed"]) == (200, 5)


async def test_a_compressed_form_is_read(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}
    answer = await client.post("/v1/videos", content=gzip.compress(b"prompt=a+ball&seed=5"), headers=headers)
    assert answer.json()["seed"] == 5


SPACES = b" " * (64 * MIB)
BOMBS = {
    "gzip": ("gzip", gzip.compress(SPACES)),
    "deflate": ("deflate", zlib.compress(SPACES)),
    "zstd": ("zstd", zstd(SPACES)),
    "one in the other": ("gzip, gzip", gzip.compress(gzip.compress(SPACES))),
}


@pytest.mark.parametrize("case", BOMBS)
async def test_what_unpacks_to_too_much_is_refused(case: str) -> None:
    coding, body = BOMBS[case]
    house = House(max_body_bytes=2 * MIB)
    async with house.client() as client:
        answer = await client.post("/v1/videos", content=body, headers=JSON | {"content-encoding": coding})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


BROKEN = {
    "a coding that is not read": ("br", ASKED, 415, "unsupported_media_type"),
    "too many codings": ("gzip, gzip, gzip, gzip", ASKED, 415, "unsupported_media_type"),
    "no gzip at all": ("gzip", ASKED, 400, "invalid_encoding"),
    "gzip cut short": ("gzip", gzip.compress(ASKED)[:-9], 400, "invalid_encoding"),
    "deflate cut short": ("deflate", zlib.compress(ASKED)[:-6], 400, "invalid_encoding"),
    "zstd cut short": ("zstd", zstd(ASKED)[:-3], 400, "invalid_encoding"),
    "something behind": ("zstd", zstd(ASKED) + b"junk", 400, "invalid_encoding"),
    "a window of gigabytes": ("zstd", b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(9), 400, "invalid_encoding"),
    "nothing": ("gzip", b"", 400, "invalid_json"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_cannot_be_unpacked_is_refused_by_its_coding(case: str, client: httpx.AsyncClient) -> None:
    coding, body, status, code = BROKEN[case]
    answer = await client.post("/v1/videos", content=body, headers=JSON | {"content-encoding": coding})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-request-id"]
    assert (answer.headers.get("accept-encoding") == "gzip, deflate, zstd") == (status == 415)


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
async def test_a_byte_order_mark_is_passed_over(charset: str, client: httpx.AsyncClient) -> None:
    body = '{"prompt": "ein Bär"}'.encode(charset)
    body = b"\xff\xfe" + body if charset == "utf-16-le" else body
    assert (await client.post("/v1/videos", content=body, headers=JSON)).json()["prompt"] == "ein Bär"


async def test_a_byte_order_mark_before_a_form_is_passed_over(client: httpx.AsyncClient) -> None:
    body = b"\xef\xbb\xbfprompt=a+ball"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert (await client.post("/v1/videos", content=body, headers=headers)).json()["prompt"] == "a ball"


async def test_a_charset_in_the_header_is_heeded(client: httpx.AsyncClient) -> None:
    body = '{"prompt": "ein Bär"}'.encode("latin-1")
    known = await client.post("/v1/videos", content=body, headers={"content-type": "application/json; charset=latin1"})
    assert known.json()["prompt"] == "ein Bär"
    other = await client.post("/v1/videos", content=body, headers={"content-type": "application/json; charset=klingon"})
    assert other.status_code == 415


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"prompt": "a", "prompt": "b"}', "prompt"),
        ('{"prompt": "a", "seed": 1, "seed": 1}', "seed"),
        ('{"prompt": "a", "cache": {"mode": "off", "mode": "use"}}', "mode"),
        ('{"prompt": "a", "pro\\u006dpt": "b"}', "prompt"),
    ],
)
@pytest.mark.parametrize("address", ["/v1/videos", "/api/optimization/analyze", "/v1/images/generations"])
async def test_a_name_twice_in_json_is_refused_as_in_a_form(
    address: str, body: str, name: str, client: httpx.AsyncClient
) -> None:
    answer = await client.post(address, content=body, headers=JSON)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "duplicate_parameter", name)


@pytest.mark.parametrize("coding", ["gzip", "gzip, deflate, br, zstd", "identity;q=0.5, gzip"])
async def test_a_long_page_goes_out_compressed(coding: str, client: httpx.AsyncClient) -> None:
    for seed in range(20):
        await client.post("/v1/videos", json={"prompt": "a red ball", "seed": seed})
    plain = await client.get("/v1/videos?limit=20", headers={"accept-encoding": "identity"})
    packed = await client.get("/v1/videos?limit=20", headers={"accept-encoding": coding})
    assert packed.json() == plain.json()
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 8
    assert "accept-encoding" in packed.headers["vary"].lower()


async def test_videos_events_and_short_answers_go_out_as_they_are(house: House, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()["id"]
    await house.complete(made)
    for address in (f"/v1/videos/{made}/content", f"/v1/videos/{made}/events", "/health", "/v1/videos/nothing"):
        assert "content-encoding" not in (await client.get(address)).headers
    refused = await client.get("/openapi.json", headers={"accept-encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in refused.headers
