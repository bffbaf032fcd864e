"""Brings a backup back: its keys take their places at once, fences go on in a new epoch, each job is looked after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import orjson

from app.errors import ArtifactLost
from app.health.recoveries import Cause, Signal
from app.jobs.epoch import next_epoch
from app.jobs.record import is_id
from app.jobs.storyboards.store import is_story_id
from app.redis.connection import Client
from app.service.recovery import Recovery, lost_mark, recover, without_store
from app.service.retention import OWNER_KEY
from app.service.story_recovery import StoryRecovery, recover_stories
from app.stores import Stores
from app.types import Artifact
from cluster.backup import AT_WORK, BROUGHT, SCAN, BackupFailed, Row, is_kept, key_of, pattern, read_backup

T = TypeVar("T")
AT_ONCE = 200  # keys of one script or one round trip
REPORT = "restored"
LOST_KEPT_S = 30 * 86400.0  # how long who asks for a lost video is told that it is

# KEYS from to from to …: each takes the place of the other; one whose time was over meanwhile is no more
TAKE_PLACES = """
for i = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('RENAME', KEYS[i], KEYS[i + 1]) end
end
"""

# KEYS job …; ARGV epoch: no fence that was ever given to one that has not ended is given again
LIFT = """
for i = 1, #KEYS do
  local phase = redis.call('HGET', KEYS[i], 'phase')
  if phase and phase ~= 'completed' and phase ~= 'failed' then redis.call('HSET', KEYS[i], 'fence', ARGV[1]) end
end
"""

# KEYS story …; ARGV epoch: the same for storyboards, also of those that have ended, which a change takes up again
LIFT_STORIES = """
for i = 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('HSET', KEYS[i], 'fence', ARGV[1]) end
end
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did; it is kept in Redis too. Times are Unix seconds, `epoch` is where fences go on."""

    keys: int
    taken_at: float | None
    restored_at: float
    epoch: int
    looked: bool  # into the artifact store
    jobs: Recovery
    stories: StoryRecovery = StoryRecovery()

    def sentences(self) -> Iterator[str]:
        """The same for people: each lost job by its id."""
        jobs, since = self.jobs, f" ({_moment(self.taken_at)})" if self.taken_at else ""
        yield f"{self.keys} keys of the backup{since} are back; fences go on in epoch {self.epoch}."
        yield f"{len(jobs.waiting)} jobs that had not ended go on when the service starts."
        if self.looked:
            yield f"{len(jobs.found)} that completed since were found in the artifact store, and are on record."
        else:
            yield "Nobody looked into the artifact store: jobs that completed since are made again, or lost."
        if self.stories.waiting:
            yield f"{len(self.stories.waiting)} storyboards that had not ended go on with them."
        lost = {**jobs.lost, **self.stories.lost}
        yield f"{len(lost)} are lost{':' if lost else '.'}"
        yield from (f"  {each}: {why}" for each, why in lost.items())
        yield "Other jobs that were accepted after the backup are known to nobody: they must be sent again."


async def restore(
    redis: Client, prefix: str, path: Path, stores: Stores, replace: bool = False, look: bool = True
) -> Restored:
    """Bring a backup back, times to live going on as if nothing had happened, and see to its jobs.

    `stores` are those of the service, over this Redis and prefix; with `look`, its artifact store is searched for what
    completed since. Until the keys take their places, all in one step, nothing is changed; what follows may be begun
    anew with `replace`.

    Raises:
        BackupFailed: the file is damaged or another's; a service is at work; the Redis holds keys under the prefix and
            `replace`, which removes them, is not set; the artifact store is not the backup's.
        StoreUnavailable: the artifact store, or Redis, does not answer.
    """
    backup = read_backup(path, prefix)
    rows = [row for row in backup.rows if is_kept(row.name, prefix)]
    held = [name async for name in redis.scan_iter(match=pattern(prefix), count=SCAN)]
    await _check(redis, prefix, held, replace)
    if look:
        await stores.artifacts.check()
    async with _brought(redis, prefix, rows) as brought:
        if look:
            await _check_owner(redis, prefix, brought, stores)
        epoch = await _epoch(redis, prefix, brought)
        held_jobs, held_stories = _jobs(held, prefix), _stories(held, prefix)
        await _take_places(redis, prefix, held, brought, epoch)
    await stores.clock.sync()
    now, kept = stores.clock(), _jobs([row.name for row in rows], prefix)
    jobs = await (recover if look else without_store)(kept, held_jobs, stores, now)
    told = await recover_stories(_stories([row.name for row in rows], prefix), held_stories, stores, now, look)
    for lost, why in {**jobs.lost, **told.lost}.items():
        await stores.board.put(lost_mark(lost), {"why": why}, LOST_KEPT_S)
    done = Restored(len(rows), backup.at, now, epoch, look, jobs, told)
    await redis.set(key_of(prefix, REPORT), orjson.dumps(asdict(done)))
    detail = f"{len(jobs.waiting)} jobs go on, {len(jobs.found)} were found, {len(jobs.lost)} are lost; epoch {epoch}."
    await stores.recoveries.record(Signal(Cause.RESTORED, "records", "happened", detail, now))
    return done


async def _check(redis: Client, prefix: str, held: Sequence[bytes], replace: bool) -> None:
    if await redis.exists(key_of(prefix, AT_WORK)):
        raise BackupFailed(
            "A service is at work on this Redis, or was a few seconds ago: stop it. Nothing was changed; one that has "
            "been stopped is forgotten within 10 s."
        )
    records = [name for name in held if name != key_of(prefix, "word", "identity").encode()]  # a name, and no record
    if records and not replace:
        raise BackupFailed(f"There are {len(records)} keys under {prefix!r}; --replace removes them first.")


@asynccontextmanager
async def _brought(redis: Client, prefix: str, rows: Sequence[Row]) -> AsyncIterator[Mapping[str, Row]]:
    """The keys under names of their own, beside what is there: if Redis cannot take one, all that is still there."""
    brought = {key_of(prefix, f"{BROUGHT}{number}"): row for number, row in enumerate(rows)}
    try:
        for some in _slices(list(brought.items())):
            async with redis.pipeline(transaction=False) as line:
                for name, row in some:
                    line.restore(name, row.until_ms, row.value, replace=True, absttl=row.until_ms > 0)
                await line.execute()
        yield brought
    finally:
        for some_names in _slices(list(brought)):
            await redis.delete(*some_names)


async def _check_owner(redis: Client, prefix: str, brought: Mapping[str, Row], stores: Stores) -> None:
    """The artifact store says whose it is; where the backup does not, it is taken at its word. Raises BackupFailed."""
    files = await stores.artifacts.files(OWNER_KEY.partition("/")[0])
    if OWNER_KEY not in files:
        return
    word = key_of(prefix, "word", "identity")
    place = next((name for name, row in brought.items() if row.name == word.encode()), None)
    if place is None:
        return
    kept = await redis.get(place)
    try:
        mark = b"".join(
            [chunk async for chunk in stores.artifacts.read(Artifact(OWNER_KEY, "text/plain", files[OWNER_KEY]))]
        )
    except ArtifactLost:
        return
    if mark != kept:
        raise BackupFailed(
            f"The artifact store belongs to other records than those of this backup, as its file {OWNER_KEY} says. "
            "Name the right one (--artifacts), or --without-artifacts."
        )


async def _epoch(redis: Client, prefix: str, brought: Mapping[str, Row]) -> int:
    key = key_of(prefix, "epoch")
    known = [int(await redis.get(key) or 0)]
    known += [int(await redis.get(name) or 0) for name, row in brought.items() if row.name == key.encode()]
    seconds, micros = await redis.time()
    return next_epoch(int(seconds) * 1000 + int(micros) // 1000, *known)


async def _take_places(
    redis: Client, prefix: str, held: Sequence[bytes], brought: Mapping[str, Row], epoch: int
) -> None:
    """In one step, so that no death leaves half of it: what is there goes, what was brought comes, fences rise."""
    pairs = [(name.encode(), row.name) for name, row in brought.items()]
    names_of = [row.name for row in brought.values()]
    jobs = [name for name in names_of if name.startswith(key_of(prefix, "job", "").encode())]
    stories = [name for name in names_of if name.startswith(key_of(prefix, "story", "").encode())]
    async with redis.pipeline(transaction=True) as line:
        for names in _slices(list(held)):
            line.delete(*names)
        for some in _slices(pairs):
            names = [name for pair in some for name in pair]
            line.eval(TAKE_PLACES, len(names), *names)
        for names in _slices(jobs):
            line.eval(LIFT, len(names), *names, epoch)
        for names in _slices(stories):
            line.eval(LIFT_STORIES, len(names), *names, epoch)
        line.set(key_of(prefix, "epoch"), epoch)
        await line.execute()


def _jobs(names: Sequence[bytes], prefix: str) -> list[str]:
    """The ids of the jobs that have records among the keys."""
    return list(filter(is_id, _ids(names, key_of(prefix, "job", ""))))


def _stories(names: Sequence[bytes], prefix: str) -> list[str]:
    """The ids of the storyboards."""
    return list(filter(is_story_id, _ids(names, key_of(prefix, "story", ""))))


def _ids(names: Sequence[bytes], start: str) -> Iterator[str]:
    found = (name.decode(errors="replace") for name in names)
    return (name.removeprefix(start) for name in found if name.startswith(start))


def _slices(things: list[T]) -> Iterator[list[T]]:
    return (things[start : start + AT_ONCE] for start in range(0, len(things), AT_ONCE))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
