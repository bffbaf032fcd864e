"""Uploaded LoRAs in Redis: a hash of records for each tenant, an index by id, one by expiry; changes are scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import TypeAdapter, ValidationError

from app.errors import Conflict, StoreUnavailable
from app.redis.commands import Commands, not_replicated
from app.redis.connection import Client
from app.redis.replies import Word
from app.uploads.loras import LoraUpload, Most, no_such_lora, refusal

VERSION: Final = 1
"""Written into every record; a reader refuses what is newer than itself."""
_TRIES: Final = 8  # what a tenant has may change while a new one is looked at


@dataclass(frozen=True, slots=True)
class _Record:
    version: int
    upload: LoraUpload


_RECORD = TypeAdapter(_Record)

# KEYS own ids expiring; ARGV id tenant record expires|'' and the ids that the tenant was seen to have
_CREATE = """
if redis.call('HLEN', KEYS[1]) ~= #ARGV - 4 then return 'changed' end
for at = 5, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[at]) == 0 then return 'changed' end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1]) end
return 'ok'
"""

# KEYS own ids expiring; ARGV id
_DELETE = """
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 'missing' end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 'ok'
"""


class RedisLoraUploads:
    """The LoraUploads port. A damaged record is left out."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._base = f"{{{prefix}}}"  # the braces keep all keys on one node of a Redis cluster

    async def create(self, upload: LoraUpload, most: Most) -> None:
        expires = "" if upload.expires_at is None else repr(upload.expires_at)
        for _ in range(_TRIES):
            kept = await self._kept(upload.tenant)
            own = [each for each in _readable(kept) if each.lives(upload.created_at)]
            refused = refusal(upload, own, most)
            if refused is not None:
                raise refused
            words: list[Word] = [upload.id, upload.tenant, _to_json(upload), expires, *kept]
            answer, replicated = await self._commands.run_promised(_CREATE, self._keys(upload.tenant), words)
            if answer == b"ok" and not replicated:
                await self.delete(upload.id, upload.tenant)
                raise not_replicated()
            if answer == b"ok":
                return
        raise Conflict("Your LoRAs change too quickly; try again.")

    async def own(self, tenant: str, now: float) -> tuple[LoraUpload, ...]:
        mine = [each for each in _readable(await self._kept(tenant)) if each.tenant == tenant and each.lives(now)]
        return tuple(sorted(mine, key=lambda each: each.id))

    async def delete(self, lora_id: str, tenant: str) -> None:
        if await self._commands.run_shared(_DELETE, self._keys(tenant), [lora_id]) == b"missing":
            raise no_such_lora()

    async def expired(self, now: float, most: int) -> Sequence[LoraUpload]:
        ids = await self._commands.call("ZRANGEBYSCORE", self._expiring, "-inf", repr(now), "LIMIT", 0, most)
        tenants = await self._commands.call("HMGET", self._ids, *ids) if ids else ()
        reads = [
            ("HGET", self._own(tenant.decode()), each) for each, tenant in zip(ids, tenants, strict=True) if tenant
        ]
        rows = await self._commands.all(reads) if reads else []
        return _readable({b"%d" % place: row for place, row in enumerate(rows) if row is not None})

    async def known(self, lora_id: str) -> bool:
        return bool(await self._commands.call("HEXISTS", self._ids, lora_id))

    async def _kept(self, tenant: str) -> Mapping[bytes, bytes]:
        kept: Mapping[bytes, bytes] = await self._commands.call("HGETALL", self._own(tenant))
        return kept

    def _keys(self, tenant: str) -> list[str]:
        return [self._own(tenant), self._ids, self._expiring]

    def _own(self, tenant: str) -> str:
        return f"{self._base}:loras:{tenant}"

    @property
    def _ids(self) -> str:
        return f"{self._base}:lora-ids"

    @property
    def _expiring(self) -> str:
        return f"{self._base}:loras-expiring"


def _to_json(upload: LoraUpload) -> bytes:
    return orjson.dumps(_Record(VERSION, upload))


def _readable(kept: Mapping[bytes, bytes]) -> list[LoraUpload]:
    found = []
    for data in kept.values():
        try:
            record = _RECORD.validate_json(data)
        except ValidationError:  # one bad record must not hide the others
            continue
        if record.version > VERSION:
            raise StoreUnavailable(f"A LoRA has version {record.version}; this Kinoray reads up to {VERSION}.")
        found.append(record.upload)
    return found
