"""Keys in Redis: a record each, a sorted set of their ids, and a counter that tells Routers of every change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from pydantic import TypeAdapter, ValidationError

from app.access.api_key import ApiKey
from app.access.key_store import GONE_KEPT_S, KeyPage, no_such_key
from app.errors import Conflict, StoreUnavailable
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import texts

VERSION: Final = 1
"""Written into every record; a reader refuses what is newer than itself."""
SCANNED: Final = 100
_RECORD = TypeAdapter(ApiKey)

# KEYS record ids version; ARGV id created_at record gone_at|''
_ADD = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[3])
if ARGV[4] ~= '' then redis.call('EXPIREAT', KEYS[1], ARGV[4]) end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('INCR', KEYS[3])
return 1
"""

# KEYS record version; ARGV before after gone_at|''
_REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('EXPIREAT', KEYS[1], ARGV[3]) end
redis.call('INCR', KEYS[2])
return 1
"""


class RedisKeyStore:
    """The KeyStore port."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._prefix = f"{{{prefix}}}:api_key"
        self._ids, self._changes = f"{self._prefix}s", f"{self._prefix}s!version"
        self._uses = f"{self._prefix}s!used"

    def _place(self, key_id: str) -> str:
        return f"{self._prefix}:{key_id}"

    async def add(self, key: ApiKey) -> None:
        places = (self._place(key.id), self._ids, self._changes)
        words = (key.id, key.created_at, _dumped(key), _gone_at(key))
        if not await self._commands.run_shared(_ADD, places, words):
            raise Conflict(f"There is a key {key.id} already.")

    async def get(self, key_id: str) -> ApiKey | None:
        kept = await self._commands.call("GET", self._place(key_id))
        return None if kept is None else _loaded(kept)

    async def replace(self, before: ApiKey, after: ApiKey) -> bool:
        words = (_dumped(before), _dumped(after), _gone_at(after))
        return bool(await self._commands.run_shared(_REPLACE, (self._place(after.id), self._changes), words))

    async def page(self, after: str | None, limit: int, newest_first: bool, tenant: str | None = None) -> KeyPage:
        start = 0
        if after is not None:
            place = await self._commands.call("ZREVRANK" if newest_first else "ZRANK", self._ids, after)
            if place is None:
                raise no_such_key(after)
            start = int(place) + 1
        found: list[ApiKey] = []
        while len(found) <= limit:
            ids = await self._ranged(start, newest_first)
            if not ids:
                break
            found += [key for key in await self._several(ids) if tenant is None or key.tenant == tenant]
            start += len(ids)
        return KeyPage(tuple(found[:limit]), len(found) > limit)

    async def version(self) -> int:
        return int(await self._commands.call("GET", self._changes) or 0)

    async def note_uses(self, at: Mapping[str, float]) -> None:
        pairs = [word for key_id, used_at in at.items() for word in (used_at, key_id)]
        if pairs:
            await self._commands.call("ZADD", self._uses, "GT", *pairs)

    async def last_uses(self, key_ids: Sequence[str]) -> dict[str, float]:
        if not key_ids:
            return {}
        scores = await self._commands.call("ZMSCORE", self._uses, *key_ids)
        return {key_id: float(each) for key_id, each in zip(key_ids, scores, strict=True) if each is not None}

    async def _ranged(self, start: int, newest_first: bool) -> list[str]:
        command = "ZREVRANGE" if newest_first else "ZRANGE"
        return texts(await self._commands.call(command, self._ids, start, start + SCANNED - 1))

    async def _several(self, ids: Sequence[str]) -> list[ApiKey]:
        """Those that are there. Ids of records that ran out long ago stay in the set: a page may end with one."""
        kept = await self._commands.call("MGET", *(self._place(key_id) for key_id in ids))
        return [_loaded(each) for each in kept if each is not None]


def _gone_at(key: ApiKey) -> int | str:
    """When the record may go; empty: never."""
    ends = min((each for each in (key.expires_at, key.revoked_at) if each is not None), default=None)
    return "" if ends is None else int(ends + GONE_KEPT_S)


def _dumped(key: ApiKey) -> bytes:
    """The record, the same bytes for the same key: a change is made only to what it was decided on."""
    record = _RECORD.dump_python(key) | {"scopes": sorted(key.scopes)}
    return orjson.dumps({"version": VERSION, "key": record}, option=orjson.OPT_SORT_KEYS)


def _loaded(kept: bytes) -> ApiKey:
    record = orjson.loads(kept)
    if record["version"] > VERSION:
        raise StoreUnavailable("The keys were written by a newer Kinoray.", code="record_too_new")
    try:
        return _RECORD.validate_python(record["key"])
    except ValidationError as error:
        raise StoreUnavailable("A key's record is damaged.") from error
