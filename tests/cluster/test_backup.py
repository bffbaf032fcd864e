"""A backup of a real Redis holds what Kinoray cannot make anew, and comes back whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from app.artifacts.files import FileArtifacts
from app.cache.redis import RedisCache
from app.health.redis_recoveries import RedisRecoveries
from app.jobs.board import BACKLOG
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.checkpoints import RedisCheckpoints
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.meter import RedisMeter
from app.redis.connection import Client
from app.service.retention import OWNER_KEY
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
    [told] = await RedisRecoveries(redis, prefix).recent(9)
    assert (told.cause, told.detail[:16]) == ("restored", "2 jobs go on, 0 ")
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


def rewritten(path: Path, change: Callable[[list[bytes]], list[bytes]], honest: bool = True) -> None:
    """Change the lines of a backup; `honest`: its foot says what they add up to."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
        head, *lines, foot = plain.read().splitlines(keepends=True)
    head, *lines = change([head, *lines])
    if honest:
        foot = json.dumps({"keys": len(lines), "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}).encode() + b"\n"
    path.write_bytes(zstandard.ZstdCompressor().compress(b"".join([head, *lines, foot])))


@pytest.mark.parametrize(
    ("change", "honest"),
    [
        (lambda lines: lines[:-1], False),  # one is missing
        (lambda lines: [lines[0], b"no json\n"], True),
        (lambda lines: [lines[0], b"[1]\n"], True),
        (lambda lines: [lines[0], b'{"k": "***", "v": "", "until_ms": 0}\n'], True),
        (lambda lines: [lines[0], b'{"k": "eA==", "v": "", "until_ms": 0}\n'], True),  # a key of somebody else
        (lambda lines: [b"[]\n", *lines[1:]], True),
        (lambda lines: [lines[0].replace(b"backup-2", b"backup-9"), *lines[1:]], True),
        (lambda lines: [lines[0], re.sub(rb'"v": "[^"]*"', b'"v": "AAAA"', lines[1])], True),  # no value of a Redis
    ],
)
async def test_each_kind_of_damage_is_a_sentence_and_changes_nothing(
    redis: Client,
    redis_url: str,
    prefix: str,
    tmp_path: Path,
    change: Callable[[list[bytes]], list[bytes]],
    honest: bool,
) -> None:
    await redis.set(f"{{{prefix}}}:kept", b"1")
    path = tmp_path / "b"
    await back_up(redis, prefix, path)
    rewritten(path, change, honest)
    with pytest.raises(BackupFailed) as failure:
        async with opened(redis_url) as patient:
            await restore(patient, prefix, path, replace=True)
    assert "\n" not in str(failure.value)
    assert await redis.get(f"{{{prefix}}}:kept") == b"1"
    assert [name async for name in redis.scan_iter(match=f"*{prefix}*restoring*")] == []


async def test_a_file_of_before_this_release_is_brought_back(redis: Client, prefix: str, tmp_path: Path) -> None:
    await redis.set(f"{{{prefix}}}:kept", b"1")
    path = tmp_path / "b"
    await back_up(redis, prefix, path)
    rewritten(
        path, lambda lines: [re.sub(rb', "at_ms": \d+', b"", lines[0]).replace(b"backup-2", b"backup-1"), *lines[1:]]
    )
    done = await restore(redis, prefix, path, replace=True)
    assert (done.taken_at, await redis.get(f"{{{prefix}}}:kept")) == (None, b"1")


async def test_nothing_is_brought_back_under_a_service_that_is_at_work(
    redis: Client, prefix: str, tmp_path: Path
) -> None:
    await redis.set(f"{{{prefix}}}:a", b"1")
    await back_up(redis, prefix, tmp_path / "b")
    await RedisBoard(redis, prefix).put(BACKLOG, {}, 10.0)
    with pytest.raises(BackupFailed, match="A service is at work"):
        await restore(redis, prefix, tmp_path / "b", replace=True)


async def test_the_files_of_another_service_are_not_taken_for_this_ones(
    redis: Client, prefix: str, tmp_path: Path
) -> None:
    await redis.set(f"{{{prefix}}}:a", b"1")
    await back_up(redis, prefix, tmp_path / "b")
    await FileArtifacts((tmp_path / "artifacts").as_uri()).put(OWNER_KEY, b"somebody else", "text/plain")
    with pytest.raises(BackupFailed, match="belongs to other records"):
        await restore(redis, prefix, tmp_path / "b", replace=True)
    assert await redis.get(f"{{{prefix}}}:a") == b"1"


async def test_each_restore_starts_an_epoch_of_its_own(redis: Client, prefix: str, tmp_path: Path) -> None:
    jobs, job = RedisJobs(redis, prefix, 60.0), a_job()
    await jobs.create(job)
    await back_up(redis, prefix, tmp_path / "b")
    fences = []
    for _ in range(2):
        done = await restore(redis, prefix, tmp_path / "b", replace=True)
        fences.append((await jobs.get(job.id)).fence)
        assert fences[-1] >= done.epoch > 10**12
    assert fences[1] > fences[0]


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
