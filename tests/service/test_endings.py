"""However a job ends, its day's usage counts it, after its record and its followers."""

from __future__ import annotations

import pytest

from app.jobs.quotas import label
from app.service.endings import fail, tell_end
from app.settings import Settings
from app.stores import memory_stores
from app.types import Failure, Measured
from tests.jobs.make import VIDEO, a_job

pytestmark = pytest.mark.anyio

NOON = 1_790_000_000.0


async def test_a_completed_and_a_failed_job_are_in_their_tenants_usage_by_key() -> None:
    stores = memory_stores(Settings())
    for tenant, key_id in (("acme", "k1"), ("acme", None)):
        job = a_job(NOON, tenant=tenant, key_id=key_id)
        await stores.jobs.create(job)
        lease = await stores.jobs.lease(job.id, "main", 30.0, NOON)
        if key_id is None:
            await fail(job.id, lease.fence, Failure("worker_lost", "It was lost."), stores, NOON)
        else:
            measured = Measured(device_seconds=2.0, evaluations=12)
            done = await stores.jobs.complete(job.id, lease.fence, {"video": VIDEO}, measured, NOON, NOON + 900)
            await tell_end(done, stores, NOON)
    today = label("day", NOON)
    failed, completed = await stores.usage.read("acme", today, today)
    assert (failed.key_id, failed.figures) == ("", {"jobs": 1.0, "failed": 1.0})
    assert (completed.key_id, completed.figures["bytes"], completed.figures["device_seconds"]) == ("k1", 1234.0, 2.0)
