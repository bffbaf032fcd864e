"""What only the store in Redis has to get right."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.scripts import Keys
from app.jobs.store import CURSOR_KEPT_S
from app.plan.masks.mask import evenly
from app.plan.masks.table import MaskRow, MaskTable, write
from app.redis.commands import Commands
from app.redis.connection import Client, connect
from app.settings import Settings
from app.stores import stores_on
from app.types import Lease, Masks, Phase
from app.types.masks import unbits
from tests.jobs.make import PLAN, a_job

pytestmark = pytest.mark.anyio


async def test_one_damaged_record_does_not_hold_up_the_line(redis: Client, prefix: str) -> None:
    jobs = RedisJobs(redis, prefix)
    bad, good = a_job(1.0), a_job(2.0)
    await jobs.create(bad)
    await jobs.create(good)
    await Commands(redis).call("HSET", Keys(prefix).job(bad.id), "record", b"{broken")
    assert [job.id for job in await jobs.waiting()] == [good.id]
    with pytest.raises(StoreUnavailable, match="damaged"):
        await jobs.get(bad.id)


async def test_both_versions_of_the_protocol_are_understood(redis_url: str, prefix: str) -> None:
    redis = connect(f"{redis_url}?protocol=2", 1.0)
    jobs, events = RedisJobs(redis, prefix), RedisEvents(redis, prefix)
    job = a_job()
    await jobs.create(job)
    assert list(await jobs.waiting()) == [job]
    lease = await jobs.lease(job.id, "main", 30.0, 1.5)
    assert list(await jobs.leases()) == [lease] == [Lease(job.id, 1, "main", 31.5)]
    reader = asyncio.ensure_future(events.read(job.id, None, 5.0))
    await events.append(job.id, "phase", 1.0, {"phase": "encoding"})
    assert [event.data for event in await reader] == [{"phase": "encoding"}]
    assert len(await events.read(job.id, None, 0.0)) == 1
    await redis.aclose()


async def test_a_deleted_job_leaves_no_key_behind_but_its_place_for_a_day(redis: Client, prefix: str) -> None:
    jobs = RedisJobs(redis, prefix)
    job = a_job()
    await jobs.create(job)
    await jobs.lease(job.id, "main", 30.0, 1.0)
    await jobs.advance(job.id, 1, Phase.DENOISING, 2.0, 3)
    await jobs.delete(job.id, "public")
    wake, cursor = Keys(prefix).wake, Keys(prefix).cursor(job.id)
    assert set(await Commands(redis).call("KEYS", f"*{prefix}*")) == {wake.encode(), cursor.encode()}
    assert 0 < await Commands(redis).call("PTTL", cursor) <= 1000 * CURSOR_KEPT_S


async def test_hundreds_of_jobs_are_read_in_order(redis: Client, prefix: str) -> None:
    jobs = RedisJobs(redis, prefix)
    made = [a_job(float(place)) for place in range(450)]
    await asyncio.gather(*(jobs.create(job) for job in reversed(made)))
    assert list(await jobs.waiting()) == made


async def test_an_older_record_gets_masks_by_the_operators_tables(redis: Client, prefix: str, tmp_path: Path) -> None:
    found = Masks(unbits("1" * 12 + "0" * 8), unbits("1" * 12 + "0" * 8), order=0)
    (tmp_path / "masks").mkdir()
    table = MaskTable(PLAN.model, PLAN.revision, (MaskRow(found, 0.1, 0.2),))
    write(table, tmp_path / "masks" / "mine.json")
    stores = stores_on(redis, Settings(redis_prefix=prefix, calibration_dir=tmp_path))
    older, newer = a_job(1.0), a_job(2.0, plan=replace(PLAN, masks=evenly(20, 12)))
    await stores.jobs.create(older)
    await stores.jobs.create(newer)
    assert [job.plan.masks for job in await stores.jobs.waiting()] == [found, evenly(20, 12)]
    assert (await stores.jobs.get(older.id)).plan.masks == found
    assert (await stores.jobs.delete(older.id, "public")).plan.masks == found
