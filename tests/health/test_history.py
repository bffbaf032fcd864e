"""The rings of history, in memory and in a real Redis, and the series that charts are made of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.health.history import DAY, HOUR, WINDOWS, History, MemoryHistory, Reading, Window, reading_of
from app.health.redis_history import RedisHistory
from app.health.series import quantile, series, times
from app.line.backlog import Backlog, PoolBacklog
from app.redis.connection import Client
from app.telemetry import QUEUE_WAIT, observed
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0


@pytest.fixture(params=MEMORY_AND_REDIS)
def history(request: pytest.FixtureRequest, redis: Client, prefix: str) -> History:
    return MemoryHistory() if request.param == "memory" else RedisHistory(redis, prefix)


async def test_what_is_kept_is_read_again_in_order(history: History) -> None:
    kept = [
        Reading(NOW + 10 * place, {"high": place}, hits={"results": 2.0}, waits={"+Inf": 1.0}) for place in (2, 0, 1)
    ]
    for each in kept:
        await history.keep(each, [HOUR])
    assert await history.read(HOUR, NOW + 30) == sorted(kept, key=lambda each: each.at)
    assert await history.read(DAY, NOW + 30) == []


@pytest.mark.parametrize("window", WINDOWS.values(), ids=list(WINDOWS))
async def test_a_ring_holds_its_window_and_no_more(window: Window, history: History) -> None:
    for place in range(window.kept + 20):
        await history.keep(Reading(NOW + window.every_s * place, running=place), [window])
    found = await history.read(window, NOW + window.every_s * (window.kept + 19))
    assert [each.running for each in found] == list(range(20, window.kept + 20))
    assert await history.read(window, NOW + 10 * window.every_s * window.kept) == []


@pytest.mark.redis
async def test_a_ring_in_redis_cannot_grow_and_is_forgotten(redis: Client, prefix: str) -> None:
    ring = RedisHistory(redis, prefix)
    for place in range(HOUR.kept + 50):
        await ring.keep(Reading(NOW + 10 * place), [HOUR])
    key = f"{{{prefix}}}:history_1h"
    assert await redis.hlen(key) == HOUR.kept
    assert 0 < await redis.ttl(key) <= 2 * HOUR.kept * HOUR.every_s
    await redis.hset(key, mapping={"0": b"{}", "1": b"no JSON"})
    assert len(await ring.read(HOUR, NOW + 10 * (HOUR.kept + 49))) == HOUR.kept - 2


def test_a_reading_has_the_line_by_class_and_the_waits_of_all_who_started() -> None:
    pools = {
        "main": PoolBacklog(classes={"high": 1, "low": 2}, replicas=1, wanted=3),
        "more": PoolBacklog(classes={"low": 1}, replicas=2),
    }
    figures = {"jobs_ended:completed": 5.0, "jobs_ended:cancelled": 2.0, "jobs_ended:worker_lost": 1.0}
    for seconds, priority in ((0.4, "high"), (0.4, "low")):
        for name, count in observed(QUEUE_WAIT, seconds, priority, "standard", "shapes").items():
            figures[name] = figures.get(name, 0.0) + count
    found = reading_of(Backlog(NOW, jobs=4, running=2, pools=pools), figures)
    assert (found.waiting, found.running, found.wanted, found.ready) == ({"high": 1, "low": 3}, 2, 5, 3)
    assert (found.completed, found.failed, sum(found.waits.values())) == (5.0, 1.0, 2.0)


def readings(count: int) -> list[Reading]:
    """A video each 10 s, of 2 device-seconds, half of those that ask from the cache, and a wait of up to 5 s."""
    return [
        Reading(
            NOW + 10 * place,
            {"high": 1},
            completed=float(place),
            device_seconds=2.0 * place,
            hits={"results": float(place)},
            misses={"results": float(place)},
            waits={"1": float(place), "5": float(place)},
        )
        for place in range(count)
    ]


def test_series_tell_what_happened_over_the_minute_before() -> None:
    found = series(readings(10), HOUR, NOW + 90, price_per_device_hour=3.6)
    assert len(times(HOUR, NOW + 90)) == len(found["running"]) == HOUR.kept
    assert times(HOUR, NOW + 90)[-1] == NOW + 90
    assert {name: row[-1] for name, row in found.items() if name in ("waiting_high", "waiting_low")} == {
        "waiting_high": 1.0,
        "waiting_low": 0.0,
    }
    assert (found["videos_per_hour"][-1], found["errors_per_hour"][-1]) == (360.0, 0.0)
    assert (found["device_seconds_per_hour"][-1], found["cost_per_hour"][-1]) == (720.0, 0.72)
    assert found["hit_rate_results"][-1] == 0.5
    assert (found["wait_p50_s"][-1], found["wait_p95_s"][-1]) == (1.0, 4.6)
    assert found["videos_per_hour"][-10] is None  # there was none before the first
    assert series(readings(10), HOUR, NOW + 90)["cost_per_hour"][-1] is None


def test_what_nobody_read_is_a_gap_and_what_began_anew_is_not_known() -> None:
    known = readings(20)
    kept = known[:5] + known[13:]
    row = series(kept, HOUR, NOW + 190)["videos_per_hour"][-20:]
    assert [each is None for each in row] == [True] + [False] * 4 + [True] * 8 + [True] + [False] * 6
    restored = [*known[:10], *(replace(each, completed=each.completed - 9, waits={}) for each in known[10:])]
    told = series(restored, HOUR, NOW + 190)
    assert told["videos_per_hour"][-10] is None
    assert told["wait_p95_s"][-10] is None
    assert told["videos_per_hour"][-1] == 360.0


def test_nothing_was_asked_of_a_cache_that_has_no_rate() -> None:
    assert set(series([], HOUR, NOW)["hit_rate_results"]) == {None}


@pytest.mark.parametrize(
    ("buckets", "share", "told"),
    [({}, 0.5, None), ({"1": 4.0}, 0.5, 0.5), ({"1": 1.0, "3": 1.0}, 0.75, 2.0), ({"1": 1.0, "+Inf": 9.0}, 0.95, 1.0)],
)
def test_quantiles_lie_on_a_line_within_their_bucket(
    buckets: dict[str, float], share: float, told: float | None
) -> None:
    assert quantile(buckets, share) == told
