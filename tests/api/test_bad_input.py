"""What a client may get wrong: each is refused in the one shape, and changes nothing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.requests.fields import ALIASES, IGNORED, MERGED, UNSUPPORTED
from app.api.requests.schemas import CreateVideo
from tests.api.house import House

pytestmark = pytest.mark.anyio

RED = "a red ball"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BOUNDARY = "multipart/form-data; boundary=x"

# body, code, param
BODIES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no prompt": ({}, "invalid_request", "prompt"),
    "an empty prompt": ({"prompt": ""}, "invalid_request", "prompt"),
    "a blank prompt": ({"prompt": " \n\t"}, "invalid_request", "prompt"),
    "a prompt of invisible characters": ({"prompt": "\u200b\u2060"}, "invalid_request", "prompt"),
    "an over-long prompt": ({"prompt": "a" * 4001}, "prompt_too_long", "prompt"),
    "an over-long negative prompt": ({"prompt": RED, "negative_prompt": "a" * 4001}, "prompt_too_long", None),
    "a number for a prompt": ({"prompt": 7}, "invalid_request", "prompt"),
    "a list for a prompt": ({"prompt": [RED]}, "invalid_request", "prompt"),
    "null for a prompt": ({"prompt": None}, "invalid_request", "prompt"),
    "a size the model does not make": ({"prompt": RED, "size": "65x64"}, "unsupported_size", "size"),
    "a size that is none": ({"prompt": RED, "size": "big"}, "invalid_request", "size"),
    "a size of zero": ({"prompt": RED, "size": "0x0"}, "invalid_request", "size"),
    "a size with a path": ({"prompt": RED, "size": "../64x64"}, "invalid_request", "size"),
    "a size of other digits": ({"prompt": RED, "size": "٦٤x٦٤"}, "invalid_request", "size"),
    "size against width": ({"prompt": RED, "size": "64x64", "width": 96}, "conflicting_parameters", "size"),
    "a negative width": ({"prompt": RED, "width": -64}, "invalid_request", "width"),
    "a width of text": ({"prompt": RED, "width": "64"}, "invalid_request", "width"),
    "true for a width": ({"prompt": RED, "width": True}, "invalid_request", "width"),
    "a fraction of steps": ({"prompt": RED, "num_inference_steps": 2.5}, "invalid_request", "num_inference_steps"),
    "no steps": ({"prompt": RED, "steps": 0}, "invalid_request", "steps"),
    "a million steps": ({"prompt": RED, "steps": 10**6}, "invalid_request", "steps"),
    "more steps than the planner takes": ({"prompt": RED, "steps": 500}, "invalid_request", "steps"),
    "no frames": ({"prompt": RED, "num_frames": 0}, "invalid_request", "num_frames"),
    "too many frames": ({"prompt": RED, "frames": 18}, "unsupported_length", "frames"),
    "frames beyond all bounds": ({"prompt": RED, "frames": 2**63}, "invalid_request", "frames"),
    "two numbers of frames": ({"prompt": RED, "frames": 9, "num_frames": 17}, "conflicting_parameters", "num_frames"),
    "zero seconds": ({"prompt": RED, "seconds": 0}, "invalid_request", "seconds"),
    "negative seconds": ({"prompt": RED, "seconds": "-4"}, "invalid_request", "seconds"),
    "a year of seconds": ({"prompt": RED, "seconds": 31_536_000}, "invalid_request", "seconds"),
    "too many seconds for the model": ({"prompt": RED, "seconds": 12}, "unsupported_length", "seconds"),
    "endless seconds": ({"prompt": RED, "seconds": "1e999"}, "invalid_request", "seconds"),
    "seconds in words": ({"prompt": RED, "seconds": "four"}, "invalid_request", "seconds"),
    "seconds that are no number": ({"prompt": RED, "seconds": "nan"}, "invalid_request", "seconds"),
    "true for seconds": ({"prompt": RED, "seconds": True}, "invalid_request", "seconds"),
    "too fast": ({"prompt": RED, "fps": 60}, "unsupported_fps", "fps"),
    "zero fps": ({"prompt": RED, "fps": 0}, "invalid_request", "fps"),
    "a huge seed": ({"prompt": RED, "seed": 2**63}, "invalid_request", "seed"),
    "a seed beyond 64 bits": ({"prompt": RED, "seed": 10**30}, "invalid_request", "seed"),
    "a negative seed": ({"prompt": RED, "seed": -2}, "invalid_request", "seed"),
    "a seed that is a fraction": ({"prompt": RED, "seed": 1.5}, "invalid_request", "seed"),
    "a seed in words": ({"prompt": RED, "seed": "seven"}, "invalid_request", "seed"),
    "true for a seed": ({"prompt": RED, "seed": True}, "invalid_request", "seed"),
    "a seed as a float beyond all": ({"prompt": RED, "seed": "1e99"}, "invalid_request", "seed"),
    "two seeds": ({"prompt": RED, "seed": [1, 2]}, "invalid_request", "seed"),
    "a list of no seed": ({"prompt": RED, "seed": [None]}, "invalid_request", "seed"),
    "no seed in a list": ({"prompt": RED, "seed": []}, "invalid_request", "seed"),
    "guidance of text": ({"prompt": RED, "guidance_scale": "high"}, "invalid_request", "guidance_scale"),
    "too much guidance": ({"prompt": RED, "guidance_scale": 1e300}, "invalid_request", "guidance_scale"),
    "two videos": ({"prompt": RED, "n": 2}, "invalid_request", "n"),
    "a tier that is none": ({"prompt": RED, "quality": "premum"}, "unknown_tier", "quality"),
    "a tier of two minds": ({"prompt": RED, "quality": "ultra", "tier": "auto"}, "conflicting_parameters", "tier"),
    "an unknown model": ({"prompt": RED, "model": "sora-9"}, "model_not_found", "model"),
    "a model like a path": ({"prompt": RED, "model": "../../etc/passwd"}, "model_not_found", "model"),
    "a misspelt field": ({"prompt": RED, "sede": 4}, "unknown_parameter", "sede"),
    "a misspelt prompt": ({"promt": RED}, "unknown_parameter", "promt"),
    "a field inside that is unknown": ({"prompt": RED, "cache": {"mod": "off"}}, "unknown_parameter", "mod"),
    "an unknown field in extra_body": ({"prompt": RED, "extra_body": {"zzz": 1}}, "unknown_parameter", "zzz"),
    "extra_body that is none": ({"prompt": RED, "extra_body": [1]}, "invalid_request", "extra_body"),
    "a cache mode that is none": ({"prompt": RED, "cache": {"mode": "on"}}, "invalid_request", "cache.mode"),
    "a cache time of nothing": ({"prompt": RED, "cache": {"ttl_s": 0}}, "invalid_request", "cache.ttl_s"),
    "cache that is no object": ({"prompt": RED, "cache": True}, "invalid_request", "cache"),
    "an endless user": ({"prompt": RED, "user": "u" * 300}, "invalid_request", "user"),
    "a picture": ({"prompt": RED, "input_reference": "data:,"}, "image_not_taken", "input_reference"),
    "another's picture": ({"prompt": RED, "source_image": "x"}, "unsupported_parameter", "source_image"),
    "a place to write to": ({"prompt": RED, "output_path": "/etc/cron.d/x"}, "unsupported_parameter", "output_path"),
    "sound": ({"prompt": RED, "generate_sound": True}, "unsupported_parameter", "generate_sound"),
    "a callback": ({"prompt": RED, "callback_url": "http://a"}, "unsupported_parameter", "callback_url"),
    "an adapter in extra_params": (
        {"prompt": RED, "extra_params": {"lora": {"name": "x"}}},
        "unknown_lora",
        "loras.0.name",
    ),
}

# content type, body, status, code
RAW: dict[str, tuple[str | None, bytes, int, str]] = {
    "no body": (JSON, b"", 400, "invalid_json"),
    "half a body": (JSON, b'{"prompt": "a', 400, "invalid_json"),
    "a list": (JSON, b"[1]", 400, "invalid_request"),
    "NaN": (JSON, b'{"prompt": "a", "seconds": NaN}', 400, "invalid_json"),
    "infinity": (JSON, b'{"prompt": "a", "guidance_scale": 1e999}', 400, "invalid_json"),
    "half a character": (JSON, b'{"prompt": "\\ud800"}', 400, "invalid_json"),
    "bytes that are no text": (JSON, b'{"prompt": "\xff\xfe"}', 400, "invalid_json"),
    "a tower of brackets": (JSON, b"[" * 100_000, 400, "invalid_json"),
    "XML": ("application/xml", b"<prompt/>", 415, "unsupported_media_type"),
    "plain text": ("text/plain", b"a red ball", 415, "unsupported_media_type"),
    "a content type that is none": (";;;", b"{}", 415, "unsupported_media_type"),
    "JSON sent as a form": (FORM, b'{"prompt": "a red ball"}', 415, "unsupported_media_type"),
    "an empty form": (FORM, b"", 400, "invalid_request"),
    "a form field twice": (FORM, b"prompt=a&prompt=b", 400, "duplicate_parameter"),
    "a nested form field twice": (FORM, b"prompt=a&cache[mode]=off&cache[mode]=use", 400, "duplicate_parameter"),
    "a form field of two kinds": (FORM, b"prompt=a&seed=1&seed[]=2", 400, "duplicate_parameter"),
    "a form with text for steps": (FORM, b"prompt=a&steps=many", 400, "invalid_request"),
    "a form with bad JSON inside": (FORM, b"prompt=a&cache={", 400, "invalid_json"),
    "an empty multipart": (BOUNDARY, b"--x--\r\n", 400, "invalid_request"),
    "a multipart without a body": (BOUNDARY, b"", 400, "invalid_request"),
    "a multipart without a boundary": ("multipart/form-data", b"--x--\r\n", 400, "invalid_form"),
    "a multipart cut short": (BOUNDARY, b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na', 400, ""),
    "a multipart of noise": (BOUNDARY, b"\x00\x01 not a form at all", 400, "invalid_form"),
    "a multipart part without a name": (
        BOUNDARY,
        b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n",
        400,
        "",
    ),
    "a huge field": (BOUNDARY, b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + b"a" * 2**21, 400, ""),
    "a thousand fields": (FORM, b"&".join(b"f%d=1" % i for i in range(1000)), 400, ""),
}

IDS = {
    "nothing by that name": "video_0123456789abcdef0123456789abcdef",
    "a word": "hello",
    "a path": "..%2F..%2Fetc%2Fpasswd",
    "dots": "%2e%2e",
    "a wildcard": "video_*",
    "a space": "video_%20",
    "a null byte": "video_0123456789%00",
    "a line break": "video_0123456789abcdef%0a",
    "an endless name": "video_" + "a" * 5000,
    "other letters": "video_%D9%A6%D9%A6%D9%A6%D9%A6%D9%A6%D9%A6%D9%A6%D9%A6",
}
PLACES = (
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/cancel"),
    ("POST", "/remix"),
    ("GET", "/content"),
    ("HEAD", "/content"),
    ("GET", "/events"),
)


def refused(response: httpx.Response) -> dict[str, Any]:
    """The error, after a look at its shape."""
    assert 400 <= response.status_code < 500, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"code", "message", "param", "type"}
    assert error["message"].endswith((".", "?"))
    assert response.headers["x-request-id"]
    return error


@pytest.mark.parametrize("case", BODIES)
async def test_a_bad_body_is_refused_by_name_and_changes_nothing(
    case: str, house: House, client: httpx.AsyncClient
) -> None:
    body, code, param = BODIES[case]
    error = refused(await client.post("/v1/videos", json=body))
    assert error["code"] == code
    assert param is None or error["param"] == param
    assert await house.count() == 0


@pytest.mark.parametrize("case", RAW)
async def test_a_bad_form_is_refused_and_changes_nothing(case: str, house: House, client: httpx.AsyncClient) -> None:
    kind, body, status, code = RAW[case]
    response = await client.post("/v1/videos", content=body, headers={"content-type": kind} if kind else {})
    error = refused(response)
    assert response.status_code == status
    assert error["code"] == code or not code
    assert await house.count() == 0


@pytest.mark.parametrize("case", IDS)
@pytest.mark.parametrize(("method", "place"), PLACES)
async def test_an_id_that_is_none_is_not_found(case: str, method: str, place: str, client: httpx.AsyncClient) -> None:
    response = await client.request(method, f"/v1/videos/{IDS[case]}{place}", json={"prompt": RED})
    assert response.status_code == 404
    assert method == "HEAD" or refused(response)["code"] == "video_not_found"


async def test_a_misspelt_name_is_told_what_was_probably_meant(client: httpx.AsyncClient) -> None:
    error = refused(await client.post("/v1/videos", json={"prompt": RED, "guidence_scale": 3}))
    assert "Did you mean 'guidance_scale'?" in error["message"]


async def test_an_unknown_name_is_not_repeated_in_full(client: httpx.AsyncClient) -> None:
    assert len((await client.post("/v1/videos", json={"prompt": RED, "x" * 100_000: 1})).content) < 500


async def test_what_asks_for_nothing_is_no_error(client: httpx.AsyncClient) -> None:
    nothing: dict[str, Any] = {
        "input_reference": None,
        "enable_upscaling": False,
        "lora": {},
        "size": "",
        "seed": None,
        "style": "",
    }
    assert (await client.post("/v1/videos", json={"prompt": RED} | nothing)).status_code == 200


async def test_a_remix_takes_a_prompt_a_seed_and_wishes_and_no_more(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    wrong = ({"size": "64x64"}, {"seed": "x"}, {"priority": "urgent"})
    for body in ({}, {"prompt": ""}, {"prompt": "a" * 4001}, *({"prompt": RED} | each for each in wrong)):
        refused(await client.post(f"/v1/videos/{job['id']}/remix", json=body))
    assert await house.count() == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=many", "order=up", "after=hello", "after=../x"])
async def test_a_bad_page_is_refused(query: str, client: httpx.AsyncClient) -> None:
    refused(await client.get(f"/v1/videos?{query}"))


@pytest.mark.parametrize("query", ["", "prompt=", "prompt=a&prompt=b", "prompt=a&siz=4", "prompt=a&quality_tier=best1"])
async def test_a_bad_analysis_is_refused(query: str, client: httpx.AsyncClient) -> None:
    refused(await client.get(f"/api/optimization/analyze?{query}"))


async def test_a_wrong_method_and_a_wrong_address_look_like_any_error(client: httpx.AsyncClient) -> None:
    assert refused(await client.put("/v1/videos"))["code"] == "method_not_allowed"
    assert refused(await client.get("/v2/videos"))["code"] == "not_found"


@pytest.mark.parametrize(("left", "right"), ["[]", ('{"url":', "}"), ('{"image_url":[', "]}")])
@pytest.mark.parametrize("deep", [70, 300, 900])
async def test_what_is_nested_too_deeply_is_bad_input(
    left: str, right: str, deep: int, client: httpx.AsyncClient
) -> None:
    value = left * deep + '"x"' + right * deep
    for name in ("input_reference", "input_references", "metadata", "webhook", "prepare", "x"):
        body = f'{{"prompt": "a ball", "{name}": {value}}}'
        error = refused(await client.post("/v1/videos", content=body, headers={"content-type": JSON}))
        assert error["code"] == "invalid_json"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*CreateVideo.model_fields, *ALIASES, *MERGED, *IGNORED, *UNSUPPORTED])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(NAMES | st.text(max_size=8), TREES, max_size=5) | TREES)
async def test_no_json_body_breaks_the_service(body: Any, house: House) -> None:
    async with house.client() as client:
        content = json.dumps(body).encode()
        response = await client.post("/v1/videos", content=content, headers={"content-type": JSON})
    asked_too_much = response.status_code == 501 and response.json()["error"]["code"] == "not_supported"
    assert response.status_code == 200 or asked_too_much or refused(response)


@pytest.mark.parametrize("name", ["input_reference", "reference_url"])
async def test_a_list_with_what_is_no_picture_is_bad_input_and_two_pictures_are_not_supported(
    name: str, client: httpx.AsyncClient
) -> None:
    error = refused(await client.post("/v1/videos", json={"prompt": "a ball", name: [False, False]}))
    assert (error["code"], error["param"]) == ("invalid_image", name)
    two = await client.post("/v1/videos", json={"prompt": "a ball", name: ["https://a.test/1", "https://a.test/2"]})
    assert (two.status_code, two.json()["error"]["code"]) == (501, "not_supported")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), kind=st.sampled_from([JSON, FORM, BOUNDARY]))
async def test_no_bytes_break_the_service(body: bytes, kind: str, house: House) -> None:
    async with house.client() as client:
        response = await client.post("/v1/videos", content=body, headers={"content-type": kind})
    assert response.status_code < 500
