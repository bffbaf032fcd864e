"""Restore drills: jobs at every stage, a backup, more work, a kill, a restore; then all of its jobs must end well."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from random import Random

from app.jobs.store import find
from app.redis.connection import Client, connect
from app.service.videos import VideoService
from app.settings import Settings
from app.stores import Stores, redis_url_of, stores_on
from app.types import Caller, Job, Phase, VideoRequest, Wishes
from app.video.join import frames_of
from cluster.backup import AT_WORK, back_up, key_of, pattern
from cluster.restoring import Restored, restore
from tests.drills.house import settings_of
from tests.drills.router_ports import router_ports
from tests.waiting import until

ROOT = Path(__file__).parent.parent.parent
CALLER = Caller()
JOBS, SINCE = 24, 6
PATIENCE_S = 120.0


class After(str, Enum):
    """What has become of Redis when the backup is brought back."""

    OVER = "over what is there"
    EMPTY = "into an empty Redis"
    TWICE = "twice, with work in between"
    DAMAGED = "into an empty Redis, with a damaged file in the store"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One drill. `of_backup`: jobs in the backup; the next three what became of them, `unsaid`: completed since, and
    neither on record nor said to be lost."""

    after: str
    of_backup: int
    completed: int
    failed: tuple[str, ...]
    unplayable: tuple[str, ...]
    completed_since: int
    found: int
    lost: int
    unsaid: tuple[str, ...]

    @property
    def well(self) -> bool:
        return self.completed == self.of_backup and not self.failed and not self.unplayable and not self.unsaid


@asynccontextmanager
async def house(settings: Settings, folder: Path, run: int) -> AsyncIterator[None]:
    """The process that works; killed with SIGKILL in the end."""
    words = [redis_url_of(settings), settings.redis_prefix, str(folder), str(run)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.drills.house", *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def service(settings: Settings, redis: Client) -> AsyncIterator[VideoService]:
    """What a Router has, in this process."""
    stores = stores_on(redis, settings)
    ports = router_ports(stores, settings)
    yield VideoService(ports, settings, stores.clock, stores.clock.sync)


async def drill(number: int, url: str, folder: Path) -> Outcome:
    """One of them; its number draws what happens when."""
    dice, folder = Random(number), folder / f"drill-{number}"
    folder.mkdir(parents=True)
    settings, after = settings_of(url, f"restore-drill-{number}", folder), list(After)[number % len(After)]
    redis = connect(url, 10.0)
    try:
        async with service(settings, redis) as router:
            return await _story(router, settings, redis, folder, after, dice)
    finally:
        names = [name async for name in redis.scan_iter(match=pattern(settings.redis_prefix), count=1000)]
        if names:
            await redis.delete(*names)
        await redis.aclose()


async def _story(
    router: VideoService, settings: Settings, redis: Client, folder: Path, after: After, dice: Random
) -> Outcome:
    stores, file = stores_on(redis, settings), folder / "backup"
    async with house(settings, folder, 1):
        ids = await _accepted(router, JOBS, dice)
        await _completed(stores, ids, dice.randrange(JOBS // 2))
        await back_up(redis, settings.redis_prefix, file)
        before = [await stores.jobs.get(job_id) for job_id in ids]
        since = await _accepted(router, SINCE, dice)
        await router.cancel(next(job.id for job in reversed(before) if not job.phase.ended), CALLER)
        done = sum(job.phase is Phase.COMPLETED for job in before)
        await _completed(stores, [*ids, *since], dice.randint(done + 1, JOBS + SINCE - 4))
    made = await _made(stores, [*ids, *since])
    kept = {job.id for job in before if job.phase is Phase.COMPLETED}
    if after is After.DAMAGED:
        victim = dice.choice([job for job in made if job.id not in kept and _own(job)])
        (folder / "artifacts" / victim.artifacts["video"].key).write_bytes(b"half a vid")
    if after in (After.EMPTY, After.DAMAGED):
        await redis.delete(*[name async for name in redis.scan_iter(match=pattern(settings.redis_prefix), count=1000)])
    told = await _brought_back(redis, settings, file, stores)
    if after is After.TWICE:
        async with house(settings, folder, 2):
            await _completed(stores, ids, dice.randint(len(kept) + 2, JOBS - 2))
        told = await _brought_back(redis, settings, file, stores)
    async with house(settings, folder, 3):
        await _ended(stores, [job.id for job in before])
    return await _outcome(stores, after, before, [job for job in made if job.id not in kept], told)


async def _outcome(stores: Stores, after: After, before: list[Job], since: list[Job], told: Restored) -> Outcome:
    ended = [await stores.jobs.get(job.id) for job in before]
    failed = tuple(f"{job.id} {job.failure and job.failure.message}" for job in ended if job.phase is Phase.FAILED)
    on_record = [job for job in [await find(stores.jobs, job.id) for job in since] if job is not None]
    shown = {job.id: job for job in (*ended, *on_record) if job.phase is Phase.COMPLETED}
    known = shown.keys() | told.jobs.lost.keys()
    return Outcome(
        after=after.value,
        of_backup=len(before),
        completed=sum(job.phase is Phase.COMPLETED for job in ended),
        failed=failed,
        unplayable=tuple([job.id for job in shown.values() if not await playable(job, stores)]),
        completed_since=len(since),
        found=len(told.jobs.found),
        lost=len(told.jobs.lost),
        unsaid=tuple(job.id for job in since if job.id not in known and _own(job)),
    )


async def playable(job: Job, stores: Stores) -> bool:
    """Whether a completed job's video comes out of the store and through PyAV with all its frames."""
    content = b"".join([chunk async for chunk in stores.artifacts.read(job.artifacts["video"])])
    spec = job.plan.spec
    frames = await asyncio.to_thread(frames_of, content, spec.width, spec.height)
    return len(frames) == spec.frames


async def _accepted(router: VideoService, count: int, dice: Random) -> list[str]:
    """Jobs of all kinds: alone, several for one video, one behind another, with a key of the client's."""
    ids: list[str] = []
    former = VideoRequest("")
    for number in range(count):
        request = VideoRequest("a red ball", steps=dice.choice((4, 8, 12)), seed=dice.randrange(10**6))
        kind = number % 6
        if kind == 2:  # what another asks for already
            request = former
        elif kind == 4:
            request = replace(request, wishes=Wishes(after=(ids[-1],)))
        key = f"{dice.random()}" if kind == 5 else None
        accepted = await router.accept(request, CALLER, key)
        former = request
        ids.append(accepted.job.id)
    return ids


async def _made(stores: Stores, ids: list[str]) -> list[Job]:
    found = [await find(stores.jobs, job_id) for job_id in ids]
    return [job for job in found if job is not None and job.phase is Phase.COMPLETED]


def _own(job: Job) -> bool:
    """Whether it made its files itself: one that was given another's leaves nothing of its own in the store."""
    return job.artifacts["video"].key.startswith(job.id)


async def _completed(stores: Stores, ids: list[str], count: int) -> None:
    async def enough() -> bool:
        return len(await _made(stores, ids)) >= count

    await until(enough, PATIENCE_S, every_s=0.05)


async def _ended(stores: Stores, ids: list[str]) -> None:
    async def all_of_them() -> bool:
        return all([(await stores.jobs.get(job_id)).phase.ended for job_id in ids])

    await until(all_of_them, PATIENCE_S, every_s=0.1)


async def _brought_back(redis: Client, settings: Settings, file: Path, stores: Stores) -> Restored:
    """The killed process is forgotten at once: its note would run out within ten seconds."""
    await redis.delete(key_of(settings.redis_prefix, AT_WORK))
    return await restore(redis, settings.redis_prefix, file, stores, replace=True)


def row(outcome: Outcome) -> dict[str, object]:
    """It as JSON can hold it."""
    return {**asdict(outcome), "well": outcome.well}
