"""Keys are looked up once; a change elsewhere is heard of in time; Redis may be away for a while."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest

from app.access.api_key import ApiKey, issued, revoked
from app.access.key_ring import CHECK_S, GRACE_S, STALE_S, KeyRing
from app.access.key_store import MemoryKeyStore
from app.access.scopes import OF_TENANTS
from app.errors import StoreUnavailable
from tests.waiting import until

pytestmark = pytest.mark.anyio
MADE = issued("n", "ann", OF_TENANTS, 0.0)


class Counted(MemoryKeyStore):
    """Counts what it is asked, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.gets = self.versions = self.writes = 0
        self.away = False

    async def get(self, key_id: str) -> ApiKey | None:
        self.gets += 1
        self._refuse()
        return await super().get(key_id)

    async def version(self) -> int:
        self.versions += 1
        self._refuse()
        return await super().version()

    async def note_uses(self, at: Mapping[str, float]) -> None:
        self.writes += 1
        await super().note_uses(at)

    def _refuse(self) -> None:
        if self.away:
            raise StoreUnavailable("away")


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store() -> Counted:
    found = Counted()
    await found.add(MADE.key)
    return found


async def test_a_key_is_asked_for_once_and_so_is_an_id_that_is_none(store: Counted) -> None:
    ring = KeyRing(store, Time())
    for _ in range(5):
        assert await ring.find(MADE.key.id) == MADE.key
        assert await ring.find("key_0000000000000000") is None
    assert (store.gets, store.versions) == (2, 1)


async def test_a_revocation_elsewhere_is_heard_of_within_three_seconds(store: Counted) -> None:
    time = Time()
    ring = KeyRing(store, time)
    await ring.find(MADE.key.id)
    await store.replace(MADE.key, revoked(MADE.key, 1.0))
    time.now = STALE_S
    found = await ring.find(MADE.key.id)
    assert found is not None
    assert found.status(2.0) == "revoked"


async def test_a_busy_ring_looks_behind_the_answers(store: Counted) -> None:
    time = Time()
    ring = KeyRing(store, time)
    await ring.find(MADE.key.id)
    await store.replace(MADE.key, revoked(MADE.key, 1.0))
    time.now = CHECK_S
    first = await ring.find(MADE.key.id)  # as it was known; the look has begun
    assert first == MADE.key
    await until(partial(_is_heard, ring))


async def _is_heard(ring: KeyRing) -> bool:
    return await ring.find(MADE.key.id) == revoked(MADE.key, 1.0)


async def test_a_change_from_here_counts_at_once(store: Counted) -> None:
    ring = KeyRing(store, Time())
    await ring.find(MADE.key.id)
    await store.replace(MADE.key, revoked(MADE.key, 1.0))
    ring.heed()
    assert await ring.find(MADE.key.id) == revoked(MADE.key, 1.0)


async def test_while_redis_is_away_known_keys_are_good_for_a_while_and_no_longer(store: Counted) -> None:
    time = Time()
    ring = KeyRing(store, time)
    await ring.find(MADE.key.id)
    store.away = True
    time.now = GRACE_S - 1
    assert await ring.find(MADE.key.id) == MADE.key
    with pytest.raises(StoreUnavailable):
        await ring.find("key_1111111111111111")
    time.now = GRACE_S + 1
    with pytest.raises(StoreUnavailable):
        await ring.find(MADE.key.id)
    assert await ring.any()
    store.away = False
    assert await ring.find(MADE.key.id) == MADE.key


async def test_whether_there_are_keys_is_not_guessed(store: Counted) -> None:
    store.away = True
    with pytest.raises(StoreUnavailable):
        await KeyRing(store, Time()).any()
    assert not await KeyRing(MemoryKeyStore(), Time()).any()


async def test_many_uses_are_written_together(store: Counted) -> None:
    ring = KeyRing(store, Time(), wall=lambda: 99.0)
    for _ in range(1000):
        ring.used(MADE.key.id)
    assert store.writes == 0
    await ring.close()
    assert await store.last_uses([MADE.key.id]) == {MADE.key.id: 99.0}
    assert store.writes == 1
