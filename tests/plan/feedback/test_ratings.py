"""What every Ratings port promises: in memory and in a real Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import StoreUnavailable
from app.plan.feedback.feedback import HORIZON, PER_TENANT, PER_USER, Fading, Rating
from app.plan.feedback.ratings import MemoryRatings, Ratings, Scope
from app.plan.feedback.redis_ratings import RedisRatings
from app.redis.connection import Client, connect
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio

PLACE = ("shapes", "auto", "simple")
OTHER = ("shapes", "premium", "complex")
FADING = Fading(half_life_s=1000.0)


class Clock:
    now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=MEMORY_AND_REDIS)
def ratings(request: pytest.FixtureRequest, clock: Clock) -> Ratings:
    if request.param == "memory":
        return MemoryRatings(FADING, clock)
    client: Client = request.getfixturevalue("redis")
    return RedisRatings(client, request.getfixturevalue("prefix"), FADING, clock)


def rating(video: int = 0, user: str = "u", **rest: object) -> Rating:
    one = Rating(f"video_{video:08}", "t", user, PLACE, 1, ("too_rough",), Clock.now + video * 1e-3)
    return replace(one, **rest)  # type: ignore[arg-type]


async def test_a_rating_moves_its_place_and_no_other(ratings: Ratings) -> None:
    assert await ratings.leanings() == {}
    await ratings.add(rating())
    await ratings.add(rating(1, place=OTHER, score=5, reasons=("good_enough",)))
    found = await ratings.leanings()
    assert list(found) == [PLACE, OTHER]
    assert found[OTHER] < 1 < found[PLACE]


async def test_both_count_alike(clock: Clock, redis: Client, prefix: str) -> None:
    memory, kept = MemoryRatings(FADING, clock), RedisRatings(redis, prefix, FADING, clock)
    for number in range(100):
        at = clock.now + 40 * number
        said = rating(number, f"u{number % 19}", score=1 + number % 5, tenant=f"t{number % 2}", at=at)
        await memory.add(said)
        await kept.add(said)
    clock.now += 4000
    for one, other in zip(await memory.table(), await kept.table(), strict=True):
        assert replace(one, factor=0, weight=0) == replace(other, factor=0, weight=0)
        assert (one.factor, one.weight) == pytest.approx((other.factor, other.weight))


async def test_the_same_user_saying_it_again_replaces(ratings: Ratings) -> None:
    await ratings.add(rating())
    once = await ratings.table()
    for _ in range(20):
        await ratings.add(rating())
    assert await ratings.table() == once
    await ratings.add(rating(score=5, reasons=()))
    assert (await ratings.leanings())[PLACE] < 1
    said = await ratings.rated("video_00000000")
    assert said == rating(score=5, reasons=())
    assert await ratings.rated("video_99999999") is None


async def test_memory_is_bounded_by_user_and_by_tenant(ratings: Ratings) -> None:
    for number in range(PER_USER + 3):
        await ratings.add(rating(number))
    assert (await ratings.table())[0].ratings == PER_USER
    for number in range(PER_TENANT + 10):
        await ratings.add(rating(100 + number, f"user{number}"))
    table = await ratings.table()
    assert (table[0].ratings, table[0].weight) == (PER_TENANT, FADING.tenant_cap)
    await ratings.add(rating(1, tenant="another"))
    assert (await ratings.table())[0].ratings == PER_TENANT + 1


async def test_ratings_are_forgotten_when_they_are_old(ratings: Ratings, clock: Clock) -> None:
    await ratings.add(rating())
    first = (await ratings.leanings())[PLACE]
    clock.now += FADING.half_life_s
    assert 1 < (await ratings.leanings())[PLACE] < first
    clock.now += HORIZON * FADING.half_life_s
    assert await ratings.leanings() == {}


async def test_what_does_not_count_is_only_remembered(ratings: Ratings) -> None:
    await ratings.add(rating(counted=False))
    assert await ratings.leanings() == {}
    assert await ratings.rated("video_00000000") == rating(counted=False)


async def test_a_reset_forgets_what_it_names(ratings: Ratings) -> None:
    await ratings.add(rating())
    await ratings.add(rating(1, tenant="other"))
    await ratings.add(rating(2, place=OTHER))
    assert await ratings.reset(Scope(complexity="complex")) == 1
    assert await ratings.reset(Scope(tenant="other")) == 1
    assert await ratings.reset(Scope(model="none")) == 0
    assert list(await ratings.leanings()) == [PLACE]
    assert await ratings.reset(Scope()) == 1
    assert await ratings.leanings() == {}


async def test_redis_keeps_nothing_for_ever(redis: Client, prefix: str) -> None:
    await RedisRatings(redis, prefix, FADING).add(rating())
    keys = [key for key in await redis.keys(f"*{prefix}*") if "!places" not in str(key)]
    assert len(keys) == 2
    for key in keys:
        assert 0 < await redis.pttl(key) <= 1000 * FADING.horizon_s


async def test_without_redis_it_says_so() -> None:
    client = connect("redis://127.0.0.1:1", 0.2)
    with pytest.raises(StoreUnavailable):
        await RedisRatings(client, "p").leanings()
    await client.aclose()
