"""Both stores keep the same promises: keys by id, changes only to what was seen, pages, and a number that moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.access.api_key import ApiKey, issued, revoked, rotated
from app.access.key_store import KeyStore, MemoryKeyStore
from app.access.redis_key_store import RedisKeyStore
from app.access.scopes import OF_TENANTS
from app.errors import Conflict, NotFound
from app.redis.connection import connect
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
NOW = 4_000_000_000.5  # to come: the real Redis lets what has expired go


@pytest.fixture(params=MEMORY_AND_REDIS)
async def store(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[KeyStore]:
    if request.param == "memory":
        yield MemoryKeyStore()
        return
    client = connect(request.getfixturevalue("redis_url"), 5.0)
    yield RedisKeyStore(client, prefix)
    await client.aclose()


def key(number: int = 0, tenant: str = "ann", expires_at: float | None = None) -> ApiKey:
    return issued(f"key {number}", tenant, OF_TENANTS, NOW + number, expires_at).key


async def test_a_key_is_kept_as_it_was_with_all_its_hashes(store: KeyStore) -> None:
    first = issued("n", "ann", OF_TENANTS, NOW, NOW + 1e9)
    second = rotated(first.key, NOW + 1, 60.0)
    await store.add(second.key)
    found = await store.get(first.key.id)
    assert found == second.key
    assert found is not None
    secret = second.text.rpartition("_")[2]
    assert found.admits(secret, NOW + 2)
    assert await store.get("key_0000000000000000") is None
    with pytest.raises(Conflict):
        await store.add(second.key)


async def test_only_what_was_seen_is_changed_and_every_change_moves_the_version(store: KeyStore) -> None:
    assert await store.version() == 0
    one = key()
    await store.add(one)
    seen = [await store.version()]
    assert await store.replace(one, revoked(one, NOW))
    seen.append(await store.version())
    assert not await store.replace(one, replace(one, name="late"))
    assert await store.version() == seen[-1]
    assert len({0, *seen}) == 3
    assert (await store.get(one.id)) == revoked(one, NOW)


async def test_pages_follow_each_other_in_both_orders_and_by_tenant(store: KeyStore) -> None:
    keys = [key(number, "ann" if number % 2 else "ben") for number in range(5)]
    for each in keys:
        await store.add(each)
    first = await store.page(None, 2, newest_first=True)
    rest = await store.page(first.keys[-1].id, 10, newest_first=True)
    assert [*first.keys, *rest.keys] == keys[::-1]
    assert (first.has_more, rest.has_more) == (True, False)
    assert list((await store.page(keys[0].id, 10, False, "ann")).keys) == [keys[1], keys[3]]
    with pytest.raises(NotFound):
        await store.page("key_0000000000000000", 10, True)


async def test_the_latest_use_is_kept(store: KeyStore) -> None:
    await store.note_uses({"key_a": 20.0, "key_b": 5.0})
    await store.note_uses({"key_a": 10.0})
    await store.note_uses({})
    assert await store.last_uses(["key_a", "key_b", "key_c"]) == {"key_a": 20.0, "key_b": 5.0}
    assert await store.last_uses([]) == {}


@pytest.mark.redis
async def test_nothing_in_redis_tells_a_secret(redis_url: str, prefix: str) -> None:
    client = connect(redis_url, 5.0)
    made = issued("n", "ann", OF_TENANTS, NOW)
    await RedisKeyStore(client, prefix).add(made.key)
    kept = await client.get(f"{{{prefix}}}:api_key:{made.key.id}")
    assert made.text.rpartition("_")[2] not in str(kept)
    await client.aclose()


@pytest.mark.redis
async def test_a_record_goes_long_after_its_key_is_good_for_nothing(redis_url: str, prefix: str) -> None:
    client = connect(redis_url, 5.0)
    store, one = RedisKeyStore(client, prefix), key()
    await store.add(one)
    place = f"{{{prefix}}}:api_key:{one.id}"
    assert await client.ttl(place) == -1
    await store.replace(one, revoked(one, NOW))
    assert await client.expiretime(place) == int(NOW + 90 * 86400)
    await client.aclose()
