"""LoRA adapters, sizes and lengths as the clients of other servers ask for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from app.types import RequestableLora
from tests.api.house import MODEL, PICTURES, House

pytestmark = pytest.mark.anyio
RED = "a red ball"
LORAS = (RequestableLora("film", "grainy; say 35mm"), RequestableLora("ink"))
WORN = replace(MODEL, adapters=("few", "film", "ink"), loras=LORAS)


@pytest.fixture
async def styled() -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    house = House(models=(WORN, replace(PICTURES, adapters=("ink",), loras=LORAS[1:])))
    transport = httpx.ASGITransport(app=house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kinoray") as client:
        yield house, client


Styled = tuple[House, httpx.AsyncClient]
BOTH = [{"name": "film", "strength": 0.5}, {"name": "ink", "strength": 1.0}]


@pytest.mark.parametrize(
    ("asked", "worn"),
    [
        ({"loras": BOTH}, BOTH),
        ({"loras": [{"name": "ink"}, {"name": "film", "scale": 0.5}]}, BOTH),
        ({"loras": "ink,film:0.5"}, BOTH),
        ({"loras": ["ink", "film:0.5"]}, BOTH),
        ({"lora": {"name": "film", "scale": 0.5, "int_id": 7}}, BOTH[:1]),
        ({"lora": "ink"}, BOTH[1:]),
        ({"lora_name": "film", "lora_scale": 0.5}, BOTH[:1]),
        ({"lora_name": "ink"}, BOTH[1:]),
        ({"extra_body": {"loras": BOTH}}, BOTH),
        ({"loras": [{"name": "ink", "strength": 0}]}, []),
        ({"loras": []}, []),
        ({"loras": None}, []),
        ({"loras": ""}, []),
    ],
)
async def test_adapters_are_heard_however_they_are_named(
    styled: Styled, asked: dict[str, Any], worn: list[dict[str, Any]]
) -> None:
    answer = await styled[1].post("/v1/videos", json={"prompt": RED} | asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["optimization"]["loras"] == worn


@pytest.mark.parametrize(
    "form",
    [
        [("loras[][name]", "film"), ("loras[][strength]", "0.5"), ("loras[][name]", "ink"), ("loras[][strength]", "1")],
        [("loras[][name]", "film"), ("loras[][name]", "ink"), ("loras[][strength]", "0.5"), ("loras[][strength]", "1")],
        [("loras[0][name]", "film"), ("loras[1][name]", "ink"), ("loras[0][scale]", "0.5")],
        [("loras", '[{"name": "film", "strength": 0.5}, {"name": "ink"}]')],
        [("loras", "film:0.5, ink")],
        [("loras[]", "film:0.5"), ("loras[]", "ink")],
    ],
)
@pytest.mark.parametrize("multipart", [True, False])
async def test_forms_hold_adapters_in_every_way_that_clients_write_them(
    styled: Styled, form: list[tuple[str, str]], multipart: bool
) -> None:
    fields = [("prompt", RED), *form]
    if multipart:
        answer = await styled[1].post("/v1/videos", files=[(name, (None, value)) for name, value in fields])
    else:
        body = urlencode(fields)
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = await styled[1].post("/v1/videos", content=body, headers=kind)
    assert answer.status_code == 200, answer.text
    assert answer.json()["optimization"]["loras"] == BOTH


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"loras": [{"name": "filn"}]}, "unknown_lora", "loras.0.name"),
        ({"loras": [{"name": "ink"}, {"name": "few"}]}, "unknown_lora", "loras.1.name"),
        ({"model": "stills", "loras": ["film"]}, "not_a_video_model", "model"),
        ({"loras": [{"name": "ink", "strength": 5}]}, "invalid_request", "loras.0.strength"),
        ({"loras": [{"name": "ink", "strength": "strong"}]}, "invalid_request", "loras.0.strength"),
        ({"loras": [{"strength": 1}]}, "invalid_request", "loras.0.name"),
        ({"loras": [{"name": "ink", "alpha": 1}]}, "unknown_parameter", "alpha"),
        ({"loras": [{"name": "ink", "scale": 1, "strength": 0.5}]}, "conflicting_parameters", "loras.0.strength"),
        ({"loras": 7}, "invalid_request", "loras"),
        ({"loras": [7]}, "invalid_request", "loras.0"),
        ({"loras": "[{"}, "invalid_json", "loras"),
        ({"lora": {"name": "ink", "path": "/etc/passwd"}}, "unsupported_parameter", "loras.0.path"),
        ({"lora_path": "/etc/passwd"}, "unsupported_parameter", "lora_path"),
        ({"lora_strength": 0.5}, "conflicting_parameters", "lora_strength"),
        ({"loras": ["ink", "film"], "lora_strength": 0.5}, "conflicting_parameters", "lora_strength"),
        ({"flow_shift": 0}, "invalid_request", "flow_shift"),
        ({"aspect_ratio": "9:16"}, "unsupported_size", "aspect_ratio"),
        ({"duration": "long"}, "invalid_request", "duration"),
    ],
)
async def test_what_does_not_fit_is_400_by_its_field_and_nothing_is_queued(
    styled: Styled, asked: dict[str, Any], code: str, param: str
) -> None:
    answer = await styled[1].post("/v1/videos", json={"prompt": RED} | asked)
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)
    assert (await styled[1].get("/v1/videos")).json()["data"] == []


async def test_a_form_that_does_not_say_whose_a_strength_is_is_refused(styled: Styled) -> None:
    fields = [("prompt", RED), ("loras[][name]", "film"), ("loras[][name]", "ink"), ("loras[][strength]", "0.5")]
    answer = await styled[1].post("/v1/videos", files=[(name, (None, value)) for name, value in fields])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_form")


async def test_models_list_the_adapters_that_requests_may_name(styled: Styled) -> None:
    shapes, stills = (await styled[1].get("/v1/models")).json()["data"]
    assert shapes["loras"] == [
        {"name": "film", "description": "grainy; say 35mm"},
        {"name": "ink", "description": ""},
    ]
    assert [lora["name"] for lora in stills["loras"]] == ["ink"]
    assert shapes["flow_shift"] == 3.0


async def test_adapters_are_part_of_what_a_result_is_found_by(styled: Styled) -> None:
    house, client = styled
    asked = {"prompt": RED, "loras": BOTH}
    await house.complete((await client.post("/v1/videos", json=asked)).json()["id"])
    turned = await client.post("/v1/videos", json={"prompt": RED, "loras": BOTH[::-1]})
    assert turned.json()["status"] == "completed"
    for other in ({"prompt": RED}, {"prompt": RED, "loras": BOTH[:1]}, {"prompt": RED, "loras": "ink,film:0.6"}):
        assert (await client.post("/v1/videos", json=other)).json()["status"] == "queued"


async def test_no_strength_is_the_video_without_the_adapter(styled: Styled) -> None:
    house, client = styled
    await house.complete((await client.post("/v1/videos", json={"prompt": RED})).json()["id"])
    again = await client.post("/v1/videos", json={"prompt": RED, "loras": [{"name": "ink", "strength": 0.0}]})
    assert again.json()["status"] == "completed"


async def test_a_remix_wears_what_its_source_wore_and_keeps_its_shift(styled: Styled) -> None:
    _, client = styled
    made = (await client.post("/v1/videos", json={"prompt": RED, "loras": BOTH, "flow_shift": 5})).json()
    remix = (await client.post(f"/v1/videos/{made['id']}/remix", json={"prompt": "a blue box"})).json()
    assert remix["optimization"]["loras"] == BOTH
    assert remix["optimization"]["flow_shift"] == 5


async def test_lengths_shifts_and_forms_are_heard_by_the_names_that_others_give_them(styled: Styled) -> None:
    _, client = styled
    by_ours = {"prompt": RED, "seconds": 1, "size": "96x64", "flow_shift": 5}
    others = [
        {"prompt": RED, "duration": 1, "aspect_ratio": "3:2", "shift": 5},
        {"prompt": RED, "duration": "1s", "ratio": "96:64", "resolution": "64p", "sample_shift": 5.0},
        {"prompt": RED, "duration_seconds": "1", "resolution": "96x64", "flow_shift": 5},
    ]
    ours, *theirs = [(await client.post("/v1/videos", json=each)).json() for each in (by_ours, *others)]
    for video in theirs:
        assert video["seed"] == ours["seed"]
        for field in ("size", "seconds", "num_frames", "fps"):
            assert video[field] == ours[field]
        assert video["optimization"]["flow_shift"] == 5


async def test_pictures_wear_adapters_too(styled: Styled) -> None:
    _, client = styled
    refused = await client.post("/v1/images/generations", json={"prompt": RED, "model": "stills", "loras": ["film"]})
    assert refused.json()["error"]["param"] == "loras.0.name"
