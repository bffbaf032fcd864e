"""What a job adds to its day, and the log of it in memory and in a real Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.jobs.redis.usage import BackgroundUsage, RedisUsage
from app.jobs.usage import MemoryUsage, UsageLog, Used, days_between, used_by
from app.redis.commands import Commands
from app.redis.connection import Client
from app.types import CacheUse, Estimate, Failure, Measured, Phase
from tests.jobs.make import PLAN, VIDEO, a_job
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio

NOON = 1_790_000_000.0
DAY = "2026-09-21"
PRICED = replace(PLAN, estimate=Estimate(1.5, 2.0, cost=0.02, device_seconds=2.0))


@pytest.fixture(params=MEMORY_AND_REDIS)
def log(request: pytest.FixtureRequest) -> UsageLog:
    if request.param == "memory":
        return BackgroundUsage(MemoryUsage())
    return RedisUsage(request.getfixturevalue("redis"), request.getfixturevalue("prefix"), 86400.0)


async def test_what_jobs_add_in_a_moment_is_written_once_and_who_reads_does_not_wait() -> None:
    written: list[Used] = []

    class Watched(MemoryUsage):
        async def add(self, used: Used) -> None:
            written.append(used)
            await super().add(used)

    log = BackgroundUsage(Watched(), gather_s=3600.0)
    for _ in range(3):
        await log.add(Used(DAY, "ann", "shapes", "", {"jobs": 1.0, "steps": 4.0}))
    assert await log.read("ann", DAY, DAY) == [Used(DAY, "ann", "shapes", "", {"jobs": 3.0, "steps": 12.0})] == written


def test_a_completed_job_adds_what_it_took_and_made() -> None:
    measured = Measured(device_seconds=3.0, evaluations=12)
    done = a_job(NOON, phase=Phase.COMPLETED, plan=PRICED, step=20, measured=measured, artifacts={"video": VIDEO})
    assert used_by(done, NOON) == Used(
        DAY,
        "public",
        "kinoray-shapes",
        "",
        {
            "jobs": 1.0,
            "completed": 1.0,
            "steps": 20.0,
            "evaluations": 12.0,
            "device_seconds": 3.0,
            "money": 0.03,
            "bytes": 1234.0,
            "video_seconds": 17 / 8,
        },
    )


def test_a_repeat_has_made_nothing_and_a_failure_only_tried() -> None:
    cached = a_job(phase=Phase.COMPLETED, step=20, cache=CacheUse("result", hit=True), artifacts={"video": VIDEO})
    assert used_by(cached, NOON).figures == {"jobs": 1, "completed": 1, "cache_hits": 1, "video_seconds": 17 / 8}
    failed = a_job(phase=Phase.FAILED, step=3, failure=Failure("timeout", "Late."), key_id="k")
    found = used_by(failed, NOON)
    assert (found.key_id, found.figures) == ("k", {"jobs": 1, "failed": 1, "steps": 3})


async def test_days_tenants_models_and_keys_are_kept_apart(log: UsageLog) -> None:
    rows = [
        Used(day, tenant, model, key, {"jobs": 1.0, "device_seconds": 0.25})
        for day in ("2026-02-28", "2026-03-01")
        for tenant in ("a", "b")
        for model, key in (("m", ""), ("m", "k:1"), ("n|x", "k:1"))
    ]
    for row in [*rows, *rows]:
        await log.add(row)
    twice = [replace(row, figures={"jobs": 2.0, "device_seconds": 0.5}) for row in rows]
    assert list(await log.read(None, "2026-02-01", "2026-03-31")) == twice
    assert list(await log.read("b", "2026-03-01", "2026-03-01")) == twice[9:]
    assert list(await log.read("c", "2026-02-01", "2026-03-31")) == []


async def test_a_day_goes_when_its_time_is_over(redis: Client, prefix: str) -> None:
    await RedisUsage(redis, prefix, 3600.0).add(Used(DAY, "a", "m", "", {"jobs": 1.0}))
    commands = Commands(redis)
    names = await commands.call("KEYS", f"*{prefix}*usage*")
    assert len(names) == 2
    assert all([3000 < await commands.call("TTL", name) <= 3600 for name in names])


def test_days_go_over_months() -> None:
    assert days_between("2028-02-28", "2028-03-01") == ["2028-02-28", "2028-02-29", "2028-03-01"]
