"""A backup of a real Redis holds what Kinoray cannot make anew, and comes back whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from app.cache.redis import RedisCache
from app.jobs.redis.checkpoints import RedisCheckpoints
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.meter import RedisMeter
from app.redis.connection import Client
from app.settings import Settings
from app.stores import stores_on
from cluster.backup import BackupFailed, back_up, opened
from cluster.restoring import Restored
from cluster.restoring import restore as bring_back
from tests.jobs.make import a_job

pytestmark = pytest.mark.anyio


async def restore(redis: Client, prefix: str, path: Path, replace: bool = False) -> Restored:
    stores = stores_on(redis, Settings(redis_prefix=prefix, artifacts_url=(path.parent / "artifacts").as_uri()))
    return await bring_back(redis, prefix, path, stores, replace)


async def test_jobs_and_figures_come_back_in_order_with_their_time_to_live(
    redis: Client, prefix: str, tmp_path: Path
) -> None:
    jobs, meter, made = RedisJobs(redis, prefix, 60.0), RedisMeter(redis, prefix), [a_job(1.0), a_job(2.0)]
    for job in made:
        await jobs.create(job)
    await meter.add({"jobs_created": 2})
    await redis.set(f"{{{prefix}}}:soon", b"\x00\xff", px=60_000)
    kept = await back_up(redis, prefix, tmp_path / "b")
    await jobs.create(a_job())  # came later, and is gone after the restore
    assert (await restore(redis, prefix, tmp_path / "b", replace=True)).keys == kept.keys
    assert [job.id for job in await jobs.waiting()] == [job.id for job in made]
    assert await meter.read() == {"jobs_created": 2.0}
    assert await redis.get(f"{{{prefix}}}:soon") == b"\x00\xff"
    assert 50_000 < await redis.pttl(f"{{{prefix}}}:soon") <= 60_000


async def test_caches_checkpoints_and_what_is_not_ours_stay_out(redis: Client, prefix: str, tmp_path: Path) -> None:
    jobs, job = RedisJobs(redis, prefix, 60.0), a_job()
    await jobs.create(job)
    lease = await jobs.lease(job.id, "replica", 60.0, 0.0)
    await RedisCheckpoints(redis, prefix).put(job.id, lease.fence, b"latents")
    await RedisCache(redis, prefix).put("results", "key", b"x", 60.0)
    await redis.set(f"{{{prefix}-other}}:job:1", b"of another service")
    await back_up(redis, prefix, tmp_path / "b")
    other = f"{prefix}-bystander"
    await redis.set(f"{{{other}}}:x", b"y")
    await restore(redis, prefix, tmp_path / "b", replace=True)
    left = [name.decode() async for name in redis.scan_iter(match=f"*{prefix}*")]
    assert not [name for name in left if "checkpoint" in name or ":cache" in name]
    assert f"{{{prefix}-other}}:job:1" in left
    assert f"{{{other}}}:x" in left
    assert (await jobs.get(job.id)).fence > lease.fence


async def test_what_is_there_is_not_overwritten_unasked(redis: Client, prefix: str, tmp_path: Path) -> None:
    await redis.set(f"{{{prefix}}}:a", b"1")
    kept = await back_up(redis, prefix, tmp_path / "b")
    with pytest.raises(BackupFailed, match="--replace"):
        await restore(redis, prefix, tmp_path / "b")
    await redis.delete(f"{{{prefix}}}:a", f"{{{prefix}}}:word:identity")
    assert (await restore(redis, prefix, tmp_path / "b")).keys == kept.keys
    assert await redis.get(f"{{{prefix}}}:a") == b"1"


async def test_a_damaged_file_changes_nothing(redis: Client, prefix: str, tmp_path: Path) -> None:
    for number in range(300):
        await redis.set(f"{{{prefix}}}:{number}", number)
    whole = tmp_path / "whole"
    await back_up(redis, prefix, whole)
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:-40])
    (tmp_path / "none").write_bytes(b"")
    for name in ("cut", "none", "no such file"):
        with pytest.raises(BackupFailed, match="not a whole backup|damaged"):
            await restore(redis, prefix, tmp_path / name, replace=True)
    with pytest.raises(BackupFailed, match="not a backup of 'other'"):
        await restore(redis, "other", whole, replace=True)
    assert await redis.get(f"{{{prefix}}}:7") == b"7"


async def test_only_its_owner_can_read_a_backup(redis: Client, prefix: str, tmp_path: Path) -> None:
    kept = await back_up(redis, prefix, tmp_path / "b")
    assert kept.keys == 0
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "http://127.0.0.1", "redis+sentinel://127.0.0.1"])
async def test_without_a_redis_there_is_no_backup(url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed):
        async with opened(url) as redis:
            await back_up(redis, "kinoray", tmp_path / "b")
    assert list(tmp_path.iterdir()) == []
