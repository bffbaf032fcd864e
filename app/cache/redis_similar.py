"""The similar level's index in Redis: one hash of notes and vectors for each scope, a copy of it in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from app.cache.redis import RedisCache
from app.cache.similar import MOST_ENTRIES, MOST_NEAR, Near, Note, Scope, Scopes, Vector, fits, from_bytes, to_bytes
from app.cache.store import SIMILAR
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word

FRESH_S = 30.0
"""For so long a copy answers before it is read again: another replica may have had the scope meanwhile."""


class RedisSimilar:
    """The SimilarIndex port; latents are the cache's, which says whether they are still there.

    Best asked for one scope in one process always (`deployments.cache_handles` sees to that): what it writes it knows
    at once, what others write when its copy is read again.
    """

    def __init__(self, redis: Client, cache: RedisCache, clock: Callable[[], float] = time.monotonic) -> None:
        self._commands = Commands(redis)
        self._cache = cache
        self._clock = clock
        self._scopes = Scopes()
        self._read_at: dict[str, float] = {}

    async def near(self, scope: str, vector: Vector, most: int = MOST_NEAR) -> list[Near]:
        here = await self._scope(scope)
        found = here.near(vector, min(most, MOST_NEAR))
        there = await self._cache.kept(SIMILAR, [near.note.entry for near in found]) if found else []
        gone = [near.note.entry for near, is_there in zip(found, there, strict=True) if not is_there]
        if gone and await self._cache.healthy():
            for entry in gone:
                here.remove(entry)
            await self._cache.ask(self._commands.call("HDEL", self._key(scope), *gone), 0)
        return [near for near, is_there in zip(found, there, strict=True) if is_there]

    async def note(self, scope: str, note: Note, vector: Vector, ttl_s: float) -> None:
        """Prompts that are too long are not noted; of 512 in a scope the one noted first leaves."""
        if not fits(note) or ttl_s <= 0:
            return
        here = await self._scope(scope)
        note = replace(note, at=time.time())
        gone = here.add(note, vector)
        key = self._key(scope)
        writes: list[tuple[Word, ...]] = [("HSET", key, note.entry, to_bytes(note, vector))]
        writes.append(("PEXPIRE", key, int(1000 * ttl_s)))
        if gone is not None:
            writes.append(("HDEL", key, gone))
        await self._cache.ask(self._commands.all(writes), [])

    async def _scope(self, name: str) -> Scope:
        here, now = self._scopes.get(name), self._clock()
        if here is not None and now - self._read_at.get(name, 0.0) < FRESH_S:
            return here
        kept: list[bytes] | None = await self._cache.ask(self._commands.call("HVALS", self._key(name)), None)
        if kept is None:  # Redis is away: what is known serves
            return here or self._scopes.put(name, Scope())
        notes = sorted((each for data in kept if (each := from_bytes(data)) is not None), key=lambda each: each[0].at)
        fresh = Scope()
        for note, vector in notes[-MOST_ENTRIES:]:
            fresh.add(note, vector)
        if len(self._read_at) > 1000:
            self._read_at.clear()
        self._read_at[name] = now
        return self._scopes.put(name, fresh)

    def _key(self, scope: str) -> str:
        return self._cache.book(SIMILAR, f"index:{scope}")
