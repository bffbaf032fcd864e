"""What passes of the Dispatcher leave for health: samples by the minute, and what was mended between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.dispatch.dispatcher import Dispatcher
from app.dispatch.health_watch import sample_of
from app.errors import StoreUnavailable
from app.health.history import DAY, HOUR
from app.health.observer import Server
from app.health.recoveries import Recovery
from app.line.backlog import Backlog, PoolBacklog
from app.settings import Settings
from app.stores import Stores, memory_stores
from tests.dispatch.workers import PlayedWorkers, Silent, a_replica, dies, holds
from tests.jobs.make import a_job
from tests.waiting import until

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0


class Clock:
    """Both clocks of a Dispatcher, which the test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Watched:
    """A Dispatcher over stores in memory."""

    def __init__(self) -> None:
        self.clock, settings = Clock(), Settings()
        self.stores: Stores = memory_stores(settings, self.clock, self.clock)
        self.workers = PlayedWorkers(self.stores, holds)
        self.dispatcher = self.another()

    def another(self) -> Dispatcher:
        self.dispatcher = Dispatcher(
            Settings(), self.stores, self.workers, self.workers, Silent(), ("main",), self.clock
        )
        return self.dispatcher

    async def turn(self, after_s: float = 0.0) -> None:
        self.clock.now += after_s
        await self.dispatcher.run_pass()

    async def mended(self) -> list[Recovery]:
        return (await self.stores.recoveries.recent(99))[::-1]


def said(found: list[Recovery]) -> list[tuple[str, str, str]]:
    return [(each.cause, each.subject, each.change) for each in found]


async def test_one_sample_is_kept_a_minute_however_many_passes_there_are() -> None:
    watched = Watched()
    await watched.stores.jobs.announce(a_replica(), 600.0)
    for _ in range(10):
        await watched.turn(10.0)
    found = await watched.stores.samples.read(watched.clock.now)
    assert [each.at - NOW for each in found] == [10.0, 60.0]
    assert (found[0].replicas, found[0].waiting, list(found[0].pools)) == (1, 0, ["main"])


def test_a_sample_has_the_line_and_the_counters_of_jobs_and_of_the_cache_of_results() -> None:
    backlog = Backlog(NOW, 3, 1, 12.5, 4.0, {"main": PoolBacklog(jobs=3, step_seconds=12.5, wait_s=4.0, replicas=2)})
    figures = {"jobs_ended:completed": 7.0, "jobs_ended:cancelled": 2.0, "jobs_ended:worker_lost": 1.0}
    found = sample_of(backlog, 2, figures | {"cache_hits:results": 5.0, "cache_hits:embeddings": 9.0})
    assert (found.completed, found.failed, found.hits, found.misses) == (7, 1, 5, 0)
    assert (found.waiting, found.running, found.step_seconds, found.wait_s) == (3, 1, 12.5, 4.0)
    assert found.pools["main"].wait_s == 4.0


async def test_a_replica_that_dies_and_the_one_that_comes_for_it_are_in_the_log() -> None:
    watched = Watched()
    await watched.stores.jobs.announce(a_replica("r1"), 5.0)
    await watched.turn()
    await watched.turn(6.0)  # it has not been heard of
    await watched.stores.jobs.announce(a_replica("r2"), 60.0)
    await watched.turn(1.0)
    assert said(await watched.mended()) == [("replica_lost", "main", "began"), ("replica_lost", "main", "ended")]


async def test_the_next_dispatcher_says_what_became_of_what_the_last_one_saw() -> None:
    watched = Watched()
    await watched.stores.jobs.announce(a_replica("r1"), 5.0)
    await watched.turn()
    await watched.turn(6.0)
    watched.another()
    await watched.turn(1.0)
    await watched.stores.jobs.announce(a_replica("r2"), 60.0)
    await watched.turn(1.0)
    assert [each.change for each in await watched.mended()] == ["began", "ended"]


async def test_memory_that_a_replica_lacks_and_hands_back_is_in_the_log() -> None:
    watched = Watched()
    for pressure in ("ok", "critical", "warning", "ok"):
        await watched.stores.jobs.announce(replace(a_replica("r1"), pressure=pressure), 60.0)
        await watched.turn(1.0)
    assert said(await watched.mended()) == [("memory_pressure", "main", "began"), ("memory_pressure", "main", "ended")]


async def test_an_attempt_that_is_lost_with_its_replica_is_in_the_log_by_its_pool() -> None:
    watched = Watched()
    watched.workers = PlayedWorkers(watched.stores, dies)
    watched.another()
    await watched.stores.jobs.announce(a_replica("r1"), 600.0)
    job = a_job(NOW)
    await watched.stores.jobs.create(job)
    await watched.turn()
    [lost] = await until(watched.mended)
    assert (lost.cause, lost.subject, job.id in lost.detail) == ("lease_lost", "main", True)


async def test_redis_that_was_away_and_comes_back_another_is_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, jobs = Watched(), None
    await watched.turn()
    watched.dispatcher._health.failed()
    watched.clock.now += 12.0
    watched.stores.server.now = Server("another")  # type: ignore[attr-defined]
    await watched.turn()
    [found] = await watched.mended()
    assert (found.cause, "12 s" in found.detail, jobs) == ("redis_restarted", True, None)


async def test_a_pass_that_finds_no_redis_counts_from_its_first_failure() -> None:
    watched = Watched()
    await watched.turn()

    async def away() -> Server:
        raise StoreUnavailable("away")

    ask = watched.stores.server.ask
    watched.stores.server.ask = away  # type: ignore[method-assign]
    for _ in range(3):
        watched.dispatcher._health.failed()
        watched.clock.now += 2.0
        with pytest.raises(StoreUnavailable):
            await watched.dispatcher.run_pass()
    watched.stores.server.ask = ask  # type: ignore[method-assign]
    await watched.turn()
    [found] = await watched.mended()
    assert (found.cause, found.detail) == ("redis_away", "It did not answer for 6 s.")


async def test_a_pass_within_a_minute_asks_the_stores_nothing_for_health() -> None:
    watched = Watched()
    await watched.turn()

    async def asked(*_: object) -> None:
        raise AssertionError("nobody asks")

    for port, name in (("server", "ask"), ("samples", "keep"), ("recoveries", "record"), ("recoveries", "standings")):
        setattr(getattr(watched.stores, port), name, asked)
    await watched.turn(1.0)


async def test_a_reading_is_kept_every_ten_seconds_and_every_two_minutes_by_whoever_dispatches() -> None:
    watched = Watched()
    await watched.stores.jobs.create(a_job(NOW, priority="high"))
    for _ in range(25):
        await watched.turn(5.0)
    hour = await watched.stores.history.read(HOUR, watched.clock())
    day = await watched.stores.history.read(DAY, watched.clock())
    assert [each.at - NOW for each in hour] == [5.0, *range(10, 130, 10)]
    assert (len(day), hour[-1].waiting) == (2, {"high": 1})
    await watched.dispatcher.close()
    watched.another()
    await watched.turn(3600.0)
    assert len(await watched.stores.history.read(DAY, watched.clock())) == 3
