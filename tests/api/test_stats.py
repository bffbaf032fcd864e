"""What `/api/stats` shows of tenants' shares, and to whom."""

from __future__ import annotations

import pytest

from app.jobs.board import BACKLOG
from app.line.backlog import Backlog, PoolBacklog, TenantUse, TenantWaits, backlog_to_note
from tests.api.house import House

pytestmark = pytest.mark.anyio
BUSY = Backlog(
    jobs=3,
    pools={
        "main": PoolBacklog(jobs=3, tenants={"bob": TenantWaits(3, 1)}, newcomer=TenantWaits(ahead_s={"normal": 4.0}))
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
