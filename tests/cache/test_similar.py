"""Latents and their index, in memory and in a real Redis."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save

from app.cache.memory import MemoryCache
from app.cache.redis import RedisCache
from app.cache.redis_similar import FRESH_S, RedisSimilar
from app.cache.similar import (
    MOST_ENTRIES,
    MOST_PROMPT_CHARS,
    MemorySimilar,
    Note,
    Scope,
    entry_of,
    keep_latent,
    kept_latent,
    scope_of,
)
from app.cache.store import SIMILAR
from app.redis.connection import Client
from tests.engine.plans import make_plan

pytestmark = pytest.mark.anyio


def vector(number: int) -> NDArray[np.float32]:
    row = np.random.default_rng(number).normal(size=384)
    return np.asarray(row / np.linalg.norm(row), np.float32)


def note(name: str) -> Note:
    return Note(name, f"prompt {name}", 1)


def test_the_nearest_come_first_by_exact_cosine() -> None:
    scope = Scope()
    for number in range(20):
        scope.add(note(str(number)), vector(number))
    found = scope.near(vector(3), 5)
    exact = sorted((float(vector(3) @ vector(number)) for number in range(20)), reverse=True)[:5]
    assert found[0].note.entry == "3"
    assert [near.similarity for near in found] == pytest.approx(exact, abs=1e-6)


def test_a_full_scope_lets_the_first_go_and_forgets_it() -> None:
    scope = Scope()
    gone = [scope.add(note(str(number)), vector(number)) for number in range(MOST_ENTRIES + 2)]
    assert gone[-2:] == ["0", "1"]
    assert len(scope) == MOST_ENTRIES
    assert "0" not in {near.note.entry for near in scope.near(vector(0), MOST_ENTRIES)}


def test_scopes_are_of_a_tenant_model_and_shape() -> None:
    plan = make_plan()
    scopes = {scope_of(plan, "ann"), scope_of(plan, "bob"), scope_of(make_plan(prompt="x", seed=9), "ann")}
    assert len(scopes) == 2


@pytest.mark.parametrize("shape", [(1, 5, 8, 8), (320,)])  # a video's, and that of several modalities
async def test_a_latent_comes_back_in_half_precision(shape: tuple[int, ...]) -> None:
    cache, latent = MemoryCache(2**20), np.linspace(-3, 3, 320, dtype=np.float32).reshape(shape)
    assert await keep_latent(cache, "e", latent, 60.0, 1.0)
    found = await kept_latent(cache, "e")
    assert found is not None
    assert np.allclose(found, latent, atol=2e-3)


@pytest.mark.parametrize("fill", [np.nan, 1e6])
async def test_a_latent_that_half_precision_cannot_hold_is_not_kept(fill: float) -> None:
    cache = MemoryCache(2**20)
    assert not await keep_latent(cache, "e", np.full((1, 1, 2, 2), fill, np.float32), 60.0, 1.0)
    assert await kept_latent(cache, "e") is None


@pytest.mark.parametrize(
    "data",
    [b"", b"x" * 40, save({"other": np.zeros(3, np.float16)}), save({"latent": np.zeros((1, 1, 2, 2), np.float32)})],
)
async def test_bytes_that_are_no_latent_are_dropped(data: bytes) -> None:
    cache = MemoryCache(2**20)
    await cache.put(SIMILAR, "e", data, 60.0)
    assert await kept_latent(cache, "e") is None
    assert cache.look(SIMILAR, "e") is None


async def test_a_prompt_that_is_too_long_is_not_noted() -> None:
    index = MemorySimilar()
    await index.note("s", Note("e", "x" * (MOST_PROMPT_CHARS + 1), 1), vector(0), 60.0)
    assert await index.near("s", vector(0)) == []


async def test_what_one_process_notes_another_finds(redis: Client, prefix: str) -> None:
    cache = RedisCache(redis, prefix)
    await cache.put(SIMILAR, "e", b"latent", 60.0)
    await RedisSimilar(redis, cache).note("s", note("e"), vector(1), 60.0)
    other = RedisSimilar(redis, RedisCache(redis, prefix))
    (near,) = await other.near("s", vector(1))
    assert (near.note.entry, near.note.prompt, near.note.seed) == ("e", "prompt e", 1)
    assert near.similarity == pytest.approx(1.0, abs=1e-3)
    assert await other.near("another", vector(1)) == []


async def test_a_copy_is_read_again_after_a_while(redis: Client, prefix: str) -> None:
    now = 0.0
    cache = RedisCache(redis, prefix)
    await cache.put(SIMILAR, "e", b"latent", 60.0)
    copy = RedisSimilar(redis, cache, clock=lambda: now)
    assert await copy.near("s", vector(1)) == []
    await RedisSimilar(redis, cache).note("s", note("e"), vector(1), 60.0)
    assert await copy.near("s", vector(1)) == []
    now = FRESH_S
    assert len(await copy.near("s", vector(1))) == 1


async def test_a_latent_that_has_left_is_found_no_more(redis: Client, prefix: str) -> None:
    cache = RedisCache(redis, prefix)
    index = RedisSimilar(redis, cache)
    for name in ("gone", "here"):
        await cache.put(SIMILAR, name, b"latent", 60.0)
        await index.note("s", note(name), vector(1), 60.0)
    await cache.drop(SIMILAR, "gone")
    assert [near.note.entry for near in await index.near("s", vector(1))] == ["here"]
    assert await redis.hlen(cache.book(SIMILAR, "index:s")) == 1


async def test_redis_holds_no_more_notes_than_a_scope_may_have(redis: Client, prefix: str) -> None:
    cache = RedisCache(redis, prefix)
    index = RedisSimilar(redis, cache)
    for number in range(MOST_ENTRIES + 3):
        await index.note("s", note(str(number)), vector(number % 7), 60.0)
    assert await redis.hlen(cache.book(SIMILAR, "index:s")) == MOST_ENTRIES
    assert 0 < await redis.pttl(cache.book(SIMILAR, "index:s")) <= 60_000


async def test_damaged_notes_are_passed_over(redis: Client, prefix: str) -> None:
    cache = RedisCache(redis, prefix)
    await redis.hset(cache.book(SIMILAR, "index:s"), "e", b"nonsense")
    assert await RedisSimilar(redis, cache).near("s", vector(1)) == []


def test_an_entry_names_its_scope_and_job() -> None:
    assert entry_of("a" * 64, "video_1") == f"{'a' * 32}.video_1"
