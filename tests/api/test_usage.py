"""/v1/usage: whose, by what, and as what; and that every way for a job to end is in it."""

from __future__ import annotations

import csv
import io
import time

import pytest

from app.api.routes.usage import MOST_DAYS
from app.jobs.quotas import label
from app.jobs.usage import FIGURES, Used
from app.service.usage_report import as_csv, grouped
from tests.api.house import House

pytestmark = pytest.mark.anyio

KEYS = {"acme": "a" * 32, "ops": "o" * 32}
ACME, OPS = ({"authorization": f"Bearer {KEYS[name]}"} for name in KEYS)
RED = {"prompt": "a red ball"}
RANGE = {"from": "2020-11-01", "to": "2020-11-30"}  # long ago: what a test makes ends today and is none of it


@pytest.fixture
async def house() -> House:
    built = House(api_keys=KEYS, operators=["ops"], limits={"tenant": {"month": {"jobs": 10}}})
    for day, tenant, model, jobs in (
        *(("2020-11-01", "acme", "m", 2.0), ("2020-11-02", "acme", "m", 1.0), ("2020-11-02", "acme", "=n", 4.0)),
        *(("2020-11-02", "rival", "m", 8.0), ("2020-12-01", "acme", "m", 16.0)),
    ):
        await built.usage.add(Used(day, tenant, model, f"settings:{tenant}", {"jobs": jobs, "money": 0.1 * jobs}))
    return built


async def test_a_tenant_sees_its_own_by_day_and_model(house: House) -> None:
    async with house.client(headers=ACME) as client:
        told = (await client.get("/v1/usage", params=RANGE)).json()
        assert [(row["day"], row["model"], row["jobs"]) for row in told["data"]] == [
            *(("2020-11-01", "m", 2), ("2020-11-02", "=n", 4), ("2020-11-02", "m", 1))
        ]
        assert (told["total"]["jobs"], told["total"]["money"]) == (7, 0.7)
        assert [(each["limit"], each["most"], each["used"]) for each in told["quotas"]] == [
            ("limits.tenant.month.jobs", 10, 0)
        ]
        by_key = (await client.get("/v1/usage", params={**RANGE, "group_by": "key"})).json()["data"]
        assert [(row["key"], row["jobs"]) for row in by_key] == [("settings:acme", 7)]
        other = await client.get("/v1/usage", params={**RANGE, "tenant": "rival"})
        assert (other.status_code, other.json()["error"]["code"]) == (403, "insufficient_scope")


async def test_an_operator_sees_any_tenant_and_all(house: House) -> None:
    async with house.client(headers=OPS) as client:
        one = (await client.get("/v1/usage", params={**RANGE, "tenant": "rival"})).json()
        everyone = (await client.get("/v1/usage", params={**RANGE, "tenant": "*", "group_by": "tenant"})).json()
    assert one["total"]["jobs"] == 8
    assert [(row["tenant"], row["jobs"]) for row in everyone["data"]] == [("acme", 7), ("rival", 8)]


@pytest.mark.parametrize(
    "how", [{"params": {**RANGE, "format": "csv"}}, {"params": RANGE, "headers": {"accept": "text/csv"}}]
)
async def test_as_csv_no_value_is_a_formula(house: House, how: dict[str, dict[str, str]]) -> None:
    async with house.client() as client:
        answer = await client.get("/v1/usage", params=how["params"], headers=ACME | how.get("headers", {}))
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == ["day", "model", *FIGURES]
    assert [(row["model"], row["jobs"]) for row in rows] == [("m", "2"), ("'=n", "4"), ("m", "1")]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("x","y")'])
def test_whatever_a_name_begins_with_it_is_text(name: str) -> None:
    rows = grouped([Used("2020-11-01", name, "m", "", {"jobs": 1.0})], ("tenant",))
    (_, row) = csv.reader(io.StringIO(as_csv(rows, ("tenant",)), newline=""))
    assert row[0] == f"'{name}"


async def test_what_cannot_be_asked_is_named(house: House) -> None:
    async with house.client(headers=ACME) as client:
        for params, field in (
            ({"from": "yesterday"}, "from"),
            ({"to": "2026-13-01"}, "to"),
            ({"to": "20261101"}, "to"),
            ({"from": "2026-11-02", "to": "2026-11-01"}, "from"),
            ({"from": "2001-01-01", "to": "2026-11-01"}, "from"),
            ({"group_by": "user"}, "group_by"),
        ):
            answer = await client.get("/v1/usage", params=params)
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), params
        assert (await client.get("/v1/usage", params={"to": "0001-01-02"})).status_code == 200
        assert MOST_DAYS >= 366


async def test_every_end_is_counted_once(house: House) -> None:
    begun = label("day", house.service.now())
    async with house.client(headers=ACME) as client:

        async def made(**more: object) -> str:
            return str((await client.post("/v1/videos", json={**RED, **more})).json()["id"])

        await house.complete(first := await made())  # by a hand that does not count
        await made()  # answered from the cache
        await client.post(f"/v1/videos/{await made(seed=1)}/cancel")
        await client.delete(f"/v1/videos/{await made(seed=2)}")
        await client.delete(f"/v1/videos/{first}")  # it has ended before
    rows = await house.usage.read("acme", begun, label("day", time.time()))  # of two days, if it is midnight
    told = [sum(row.figures.get(each, 0.0) for row in rows) for each in ("jobs", "completed", "cache_hits", "failed")]
    assert told == [3, 1, 1, 2]
