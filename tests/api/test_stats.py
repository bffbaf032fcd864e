"""`/api/stats` tells a tenant of itself, and operators of all."""

from __future__ import annotations

import pytest

from tests.api.house import House
from tests.api.test_keys import bearer

pytestmark = pytest.mark.anyio


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
