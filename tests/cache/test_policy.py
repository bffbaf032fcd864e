"""Who leaves a full memory, under each policy."""

from __future__ import annotations

import pytest

from app.cache.memory import MemoryCache
from app.cache.policy import Benefit, LeastFrequent, LeastRecent, Policy, Use

pytestmark = pytest.mark.anyio


async def held(cache: MemoryCache, keys: str) -> str:
    """Those of the keys that are there, without a use of them."""
    return "".join(key for key in keys if cache.worth("results", key))


async def filled(policy: Policy, keys: str, size: int = 100, worth: float = 1.0) -> MemoryCache:
    cache = MemoryCache(size * len(keys), policy=policy)
    for key in keys:
        await cache.put("results", key, bytes(size), 60.0, worth)
    return cache


async def test_what_saves_most_for_its_bytes_stays() -> None:
    cache = MemoryCache(300)
    await cache.put("results", "dear", bytes(100), 60.0, worth=10.0)
    await cache.put("results", "large", bytes(200), 60.0, worth=10.0)
    await cache.put("results", "new", bytes(100), 60.0, worth=8.0)
    assert [bool(cache.worth("results", key)) for key in ("dear", "large", "new")] == [True, False, True]


async def test_use_counts_as_much_as_worth() -> None:
    cache = await filled(Benefit(), "abc")
    for key in "aac":
        await cache.get("results", key)
    await cache.put("results", "d", bytes(100), 60.0, worth=1.5)
    assert await held(cache, "abcd") == "acd"


async def test_a_newcomer_of_less_benefit_is_turned_away_and_nobody_leaves_for_it() -> None:
    cache = await filled(Benefit(), "ab", worth=5.0)
    await cache.put("results", "c", bytes(100), 60.0, worth=1.0)
    assert await held(cache, "abc") == "ab"
    assert (await cache.figures())["results"].evictions == 1


async def test_what_was_once_used_much_is_overtaken() -> None:
    cache = await filled(Benefit(), "ab")
    for _ in range(20):
        await cache.get("results", "a")
    for number in range(60):
        await cache.put("results", f"n{number}", bytes(100), 60.0, worth=1.0)
        await cache.get("results", f"n{number}")
    assert await held(cache, "a") == ""


async def test_the_floor_never_sinks() -> None:
    policy = Benefit()
    policy.left(3.0)
    policy.left(1.0)
    assert policy.rank(Use(2.0, 3, 2)) == 6.0


async def test_least_recent_forgets_what_was_not_used_for_longest() -> None:
    cache = await filled(LeastRecent(), "abc")
    await cache.get("results", "a")
    await cache.put("results", "d", bytes(100), 60.0, worth=0.1)
    assert await held(cache, "abcd") == "acd"


async def test_least_frequent_forgets_what_was_used_least() -> None:
    cache = await filled(LeastFrequent(), "abc")
    for key in "aaac":
        await cache.get("results", key)
    await cache.put("results", "d", bytes(100), 60.0, worth=0.1)
    assert await held(cache, "abcd") == "acd"


async def test_what_has_run_out_leaves_before_anything_of_use() -> None:
    now = 0.0
    cache = MemoryCache(200, clock=lambda: now)
    await cache.put("results", "short", bytes(100), 1.0, worth=9.0)
    await cache.put("results", "long", bytes(100), 60.0, worth=1.0)
    now = 2.0
    await cache.put("results", "new", bytes(100), 60.0, worth=0.5)
    figures = (await cache.figures())["results"]
    assert (figures.entries, figures.evictions) == (2, 0)


async def test_what_is_put_again_keeps_its_uses() -> None:
    cache = await filled(Benefit(), "ab")
    for _ in range(3):
        await cache.get("results", "a")
    await cache.put("results", "a", bytes(100), 60.0, worth=1.0)
    await cache.put("results", "c", bytes(100), 60.0, worth=1.1)
    assert await held(cache, "abc") == "ac"


async def test_hits_tell_what_they_saved_and_clearing_keeps_the_figures() -> None:
    cache = await filled(Benefit(), "ab", worth=2.5)
    await cache.put("embeddings", "e", b"", 60.0)
    await cache.get("results", "a")
    await cache.get("results", "a")
    assert await cache.clear("results") == 2
    figures = await cache.figures()
    assert (figures["results"].saved_step_seconds, figures["results"].entries, figures["results"].hits) == (5.0, 0, 2)
    assert figures["embeddings"].entries == 1
    assert await cache.clear() == 1


async def test_many_uses_leave_no_litter() -> None:
    cache = await filled(Benefit(), "ab")
    for _ in range(10_000):
        cache.look("results", "a")
    assert len(cache._by_rank) < 200
