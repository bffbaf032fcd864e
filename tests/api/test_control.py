"""What the control room asks: all jobs, what failed, and history, for operators alone."""

from __future__ import annotations

import time
from typing import Any

import pytest

from app.health.history import DAY, HOUR, Reading
from app.jobs.board import PLACES
from app.line.queue_places import Place, QueuePlaces, places_to_note
from app.types import Failure, ReplicaInfo
from tests.api.house import House
from tests.api.test_reprioritise import ask

pytestmark = pytest.mark.anyio
OPERATED: dict[str, Any] = {"api_keys": {"ann": "a", "boss": "b"}, "operators": ["boss"]}
ANN, BOSS = ({"authorization": f"Bearer {key}"} for key in "ab")


@pytest.mark.parametrize("path", ["/api/jobs", "/api/errors", "/api/stats/history"])
async def test_it_is_for_operators(path: str) -> None:
    async with House(**OPERATED).client() as client:
        assert [(await client.get(path, headers=who)).status_code for who in ({}, ANN, BOSS)] == [401, 403, 200]


async def test_an_operator_sees_who_waits_why_and_who_is_made_where_of_all_tenants() -> None:
    house = House(**OPERATED, clock=time.time)
    async with house.client(headers=ANN) as client:
        ids = [
            (await client.post("/v1/videos", json={"prompt": f"a ball {n}", "priority": "low"})).json()["id"]
            for n in range(4)
        ]
        await house.run(ids[0], step=5)
        replica = ReplicaInfo("r1", "main", "shapes", slots=4, running=1, step_s=0.1, seen_at=1.0, jobs=(ids[0],))
        await house.jobs.announce(replica, 60)
        places = {ids[2]: Place(0, 3.5), ids[1]: Place(1, None, "no_replica")}
        await house.board.put(PLACES, places_to_note(QueuePlaces(jobs=places)), 60)
        told = (await client.get("/api/jobs", headers=BOSS)).json()
        cut = (await client.get("/api/jobs", headers=BOSS, params={"limit": 1})).json()
        figures = (await client.get("/api/stats", headers=BOSS)).json()
    (running,) = told["running"]
    assert (running["id"], running["tenant"], running["replica"]) == (ids[0], "ann", "r1")
    assert (running["step"], running["total_steps"], running["phase"], running["eta_s"]) == (5, 18, "denoising", 4.0)
    assert [each["id"] for each in told["waiting"]] == [ids[2], ids[1], ids[3]]
    assert [(each["position"], each["eta_s"], each["reason"]) for each in told["waiting"]] == [
        (0, 3.5, None),
        (1, None, "no_replica"),
        (None, None, None),
    ]
    assert {each["priority"] for each in told["waiting"]} == {"low"}
    assert (len(cut["waiting"]), cut["waiting_total"], cut["running_total"]) == (1, 3, 1)
    assert "ball" not in str(told)
    assert figures["replicas"][0]["jobs"] == [ids[0]]


async def test_what_failed_is_told_newest_first_and_what_was_cancelled_is_not() -> None:
    house = House(**OPERATED)
    async with house.client(headers=ANN) as client:
        ids = [await ask(client, f"a ball {n}") for n in range(3)]
        await client.post(f"/v1/videos/{ids[2]}/cancel")
        for video in ids[:2]:
            await house.fail(video, Failure("out_of_memory", "There was no room."))
        told = (await client.get("/api/errors", headers=BOSS)).json()["data"]
        one = (await client.get("/api/errors", headers=BOSS, params={"limit": 1})).json()["data"]
    assert [(each["id"], each["code"], each["tenant"]) for each in told] == [
        (ids[1], "out_of_memory", "ann"),
        (ids[0], "out_of_memory", "ann"),
    ]
    assert one == told[:1]


async def test_history_is_series_with_gaps_and_has_a_tag() -> None:
    now = 1_800_000_000.0
    house = House(price_per_device_hour=3.6, clock=lambda: now)
    for place in range(0, 100, 10):
        reading = Reading(now - 90 + place, {"high": 2}, completed=float(place), device_seconds=float(place))
        await house.history.keep(reading, [HOUR, DAY])
    async with house.client() as client:
        answer = await client.get("/api/stats/history")
        same = await client.get("/api/stats/history", headers={"if-none-match": answer.headers["etag"]})
        day = (await client.get("/api/stats/history", params={"window": "24h"})).json()
        wrong = await client.get("/api/stats/history", params={"window": "1w"})
        await house.history.keep(Reading(now + 1, {"high": 3}), [HOUR])
        news = await client.get("/api/stats/history", headers={"if-none-match": answer.headers["etag"]})
    hour = answer.json()
    assert (hour["window"], hour["every_s"], hour["over_s"], len(hour["at"])) == ("1h", 10, 60, 361)
    assert hour["series"]["waiting_high"][-10:] == [2.0] * 10
    assert hour["series"]["waiting_high"][0] is None
    assert hour["series"]["videos_per_hour"][-1] == 3600.0
    assert hour["series"]["cost_per_hour"][-1] == 3.6
    assert {len(row) for row in hour["series"].values()} == {361}
    assert (same.status_code, same.content, news.status_code) == (304, b"", 200)
    assert (day["every_s"], len(day["at"])) == (120, 721)
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "window")


async def test_operators_are_told_limits_and_where_else_to_look() -> None:
    links: dict[str, Any] = {"ray_dashboard_url": "http://head:8265", "grafana_url": "https://grafana.example/d"}
    house = House(**OPERATED, **links)
    async with house.client() as client:
        told = (await client.get("/api/stats", headers=BOSS)).json()
        own = (await client.get("/api/stats", headers=ANN)).json()
    assert told["links"] == {"ray_dashboard": "http://head:8265", "grafana": "https://grafana.example/d"}
    assert own["links"] == {}
