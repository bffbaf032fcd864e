"""Web Vitals: what a browser may report, and that nothing of it but bounded sums is kept."""

from __future__ import annotations

import httpx
import pytest

from tests.api.house import House

pytestmark = pytest.mark.anyio


async def test_a_report_becomes_sums_by_vital_and_rating(house: House, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/vitals", json={"LCP": 2600, "CLS": 0.05, "INP": 501, "TTFB": 800})
    assert (answer.status_code, answer.content) == (204, b"")
    figures = await house.meter.read()
    ratings = {key.partition(":")[2] for key in figures if key.startswith("web_vital_ratings")}
    assert ratings == {"LCP|needs-improvement", "CLS|good", "INP|poor", "TTFB|good"}
    assert figures["web_vital_seconds/le=3:LCP"] == 1
    assert figures["web_vital_seconds/sum:LCP"] == 2.6
    assert figures["web_vital_shift/le=0.05"] == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"LCP": -1}', "LCP"),
        (b'{"LCP": 1e9}', "LCP"),
        (b'{"CLS": "0.1"}', "CLS"),
        (b'{"LCP": NaN}', "LCP"),
        (b'{"LCP": true}', "LCP"),
        (b'{"FID": 3}', "FID"),
        (b"[1]", None),
        (b"{", None),
        (b"", None),
        (b"\xff", None),
    ],
)
async def test_what_is_no_report_is_refused_and_kept_nowhere(
    body: bytes, param: str | None, house: House, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/api/vitals", content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_request", param)
    assert not [key for key in await house.meter.read() if key.startswith("web_vital")]


async def test_a_report_is_small(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/vitals", content=b" " * 5000 + b"{}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


async def test_a_service_may_keep_none() -> None:
    async with House(web_vitals=False).client() as client:
        assert (await client.post("/api/vitals", json={"LCP": 1})).status_code == 404


async def test_where_keys_are_asked_for_a_report_needs_one() -> None:
    async with House(api_keys={"alice": "secret-of-alice"}).client() as client:
        assert (await client.post("/api/vitals", json={"LCP": 1})).status_code == 401
        named = {"authorization": "Bearer secret-of-alice"}
        assert (await client.post("/api/vitals", json={"LCP": 1}, headers=named)).status_code == 204
