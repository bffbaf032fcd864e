from __future__ import annotations

import pytest
from anyio.lowlevel import checkpoint

from app.cache.memory import MemoryCache
from app.cache.recent import AGAIN_S, KEPT_S, RecentCache
from app.cache.store import EMBEDDINGS, RESULTS

pytestmark = pytest.mark.anyio


class Counting(MemoryCache):
    def __init__(self) -> None:
        super().__init__(1 << 20)
        self.asked = 0

    async def get(self, level: str, key: str) -> bytes | None:
        self.asked += 1
        return await super().get(level, key)


async def filled() -> tuple[Counting, RecentCache, list[float]]:
    beneath, now = Counting(), [0.0]
    recent = RecentCache(beneath, clock=lambda: now[0])
    await recent.put(RESULTS, "a", b"one", 60)
    assert await recent.get(RESULTS, "a") == b"one"
    return beneath, recent, now


async def test_a_result_of_a_moment_ago_is_given_before_the_cache_beneath_has_answered() -> None:
    beneath, recent, now = await filled()
    now[0] = AGAIN_S
    assert await recent.get(RESULTS, "a") == b"one"
    assert beneath.asked == 1
    await checkpoint()
    assert beneath.asked == 2, "it hears of the use all the same"


async def test_the_cache_beneath_is_asked_once_a_second_however_often_a_result_is_used() -> None:
    beneath, recent, now = await filled()
    for number in range(30):
        now[0] = number / 10
        assert await recent.get(RESULTS, "a") == b"one"
        await checkpoint()
    assert beneath.asked == 3


async def test_what_has_gone_beneath_is_given_for_a_second_at_most() -> None:
    beneath, recent, now = await filled()
    await beneath.clear()
    assert await recent.get(RESULTS, "a") == b"one"
    now[0] = AGAIN_S
    assert await recent.get(RESULTS, "a") == b"one", "it asks behind this one"
    await checkpoint()
    assert await recent.get(RESULTS, "a") is None


async def test_what_is_dropped_cleared_or_put_anew_is_forgotten_at_once() -> None:
    _, recent, _ = await filled()
    await recent.put(RESULTS, "a", b"two", 60)
    assert await recent.get(RESULTS, "a") == b"two"
    await recent.drop(RESULTS, "a")
    assert await recent.get(RESULTS, "a") is None
    await recent.put(RESULTS, "a", b"three", 60)
    await recent.get(RESULTS, "a")
    assert await recent.clear() == 1
    assert await recent.get(RESULTS, "a") is None


async def test_after_a_while_the_cache_beneath_is_waited_for() -> None:
    beneath, recent, now = await filled()
    await beneath.clear()
    now[0] = KEPT_S + 1
    assert await recent.get(RESULTS, "a") is None


async def test_other_levels_pass_through() -> None:
    beneath, recent, _ = await filled()
    await recent.put(EMBEDDINGS, "a", b"tensor", 60)
    assert await recent.get(EMBEDDINGS, "a") == b"tensor"
    await beneath.clear()
    assert await recent.get(EMBEDDINGS, "a") is None
