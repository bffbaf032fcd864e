"""`/api/stats` tells a tenant of itself, and operators of all."""

from __future__ import annotations

import pytest

from app.jobs.board import BACKLOG
from app.line.backlog import Backlog, PoolBacklog, TenantUse, TenantWaits, backlog_to_note
from tests.api.house import House
from tests.api.test_keys import bearer

pytestmark = pytest.mark.anyio
BUSY = Backlog(
    jobs=3,
    pools={
        "main": PoolBacklog(
            jobs=3, replicas=1, tenants={"bob": TenantWaits(3, 1)}, newcomer=TenantWaits(ahead_s={"normal": 4.0})
        )
    },
    tenants={"bob": TenantUse(2.0, 3, 1, 40.0, 0.8), "ann": TenantUse(1.0, 0, 0, 10.0, 0.2)},
)


def house() -> House:
    return House(api_keys={"ann": "a", "bob": "b", "boss": "c"}, operators=["boss"], tenant_weights={"bob": 2.0})


async def test_a_tenant_sees_its_own_share_and_no_other_tenant_operators_see_all() -> None:
    made = house()
    await made.service.ports.board.put(BACKLOG, backlog_to_note(BUSY), 60.0)
    async with made.client() as client:
        answers = {
            key: await client.get("/api/stats", headers={"Authorization": f"Bearer {key}"}) for key in ("a", "b", "c")
        }
    ann, bob, boss = (answer.json() for answer in answers.values())
    assert "bob" not in answers["a"].text
    assert ann["tenants"] is None
    assert (ann["tenant"]["share"], ann["tenant"]["recent_step_seconds"], ann["tenant"]["weight"]) == (0.2, 10.0, 1.0)
    assert (bob["tenant"]["share"], bob["tenant"]["waiting"], bob["tenant"]["weight"]) == (0.8, 3, 2.0)
    assert boss["tenants"]["bob"] == {
        "weight": 2.0,
        "waiting": 3,
        "running": 1,
        "recent_step_seconds": 40.0,
        "share": 0.8,
        "limits": {},
    }


async def test_metrics_tell_of_shares_without_names() -> None:
    made = house()
    await made.service.ports.board.put(BACKLOG, backlog_to_note(BUSY), 60.0)
    async with made.client() as client:
        page = (await client.get("/metrics")).text
    assert 'kinoray_pool_tenants{pool="main"} 1.0' in page
    assert 'kinoray_newcomer_wait_seconds{pool="main",priority="normal"} 4.0' in page
    assert "kinoray_largest_tenant_share 0.8" in page
    assert "bob" not in page


async def test_a_tenant_is_told_its_own_figures_and_operators_all() -> None:
    house = House(api_keys={"ann": "a", "ann:b": "c", "boss": "b"}, operators=["boss"])
    async with house.client() as client:
        for key, prompts in (("a", 3), ("c", 1)):
            for number in range(prompts):
                body = {"prompt": f"a red ball {number}"}
                made = (await client.post("/v1/videos", json=body, headers=bearer(key))).json()["id"]
        await client.post(f"/v1/videos/{made}/cancel", headers=bearer("c"))
        ann, other, boss = [(await client.get("/api/stats", headers=bearer(key))).json() for key in ("a", "c", "b")]
    assert (ann["scope"], ann["jobs"]["created"], ann["jobs"]["failed"]) == ("own", 3, {})
    assert (other["jobs"]["created"], other["jobs"]["failed"]) == (1, {"cancelled": 1})
    assert (boss["scope"], boss["jobs"]["created"]) == ("all", 4)
    for name in ("optimization", "cache_stats", "webhooks", "line", "replicas", "pools"):
        assert not ann[name]
    assert boss["optimization"]
    assert ann["tenant"]["name"] == "ann"
    assert "boss" not in str(ann)


async def test_what_is_counted_by_tenant_is_not_on_the_page_for_prometheus() -> None:
    house = House(api_keys={"a-tenants-name": "a"})
    async with house.client() as client:
        await client.post("/v1/videos", json={"prompt": "a red ball"}, headers=bearer("a"))
        page = (await client.get("/metrics")).text
    assert "a-tenants-name" not in page
    assert "kinoray_jobs_created_total 1.0" in page
