"""Uploads that come in parts, in Redis: a hash of records for each tenant, indices by id and expiry; by scripts."""

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
from app.uploads.files import FileUpload, MostFiles, no_such_upload, refusal

VERSION: Final = 1
"""Written into every record; a reader refuses what is newer than itself."""
_TRIES: Final = 8  # what a tenant has may change while a new one is looked at


@dataclass(frozen=True, slots=True)
class _Record:
    version: int
    upload: FileUpload


_RECORD = TypeAdapter(_Record)

# KEYS own ids expiring offsets; ARGV id tenant record expires and the ids that the tenant was seen to have
_CREATE = """
if redis.call('HLEN', KEYS[1]) ~= #ARGV - 4 then return 'changed' end
for at = 5, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[at]) == 0 then return 'changed' end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], '0')
return 'ok'
"""

# KEYS own ids expiring offsets; ARGV id offset-before offset-after record expires
_ADVANCE = """
if redis.call('HGET', KEYS[4], ARGV[1]) ~= ARGV[2] then return 'moved' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
return 'ok'
"""

# KEYS own ids expiring offsets; ARGV id
_DELETE = """
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 'missing' end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
return 'ok'
"""


class RedisFileUploads:
    """The FileUploads port. A damaged record is left out."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._base = f"{{{prefix}}}"  # the braces keep all keys on one node of a Redis cluster

    async def create(self, upload: FileUpload, most: MostFiles) -> None:
        for _ in range(_TRIES):
            kept = await self._kept(upload.tenant)
            own = [each for each in _readable(kept) if each.lives(upload.created_at)]
            refused = refusal(upload, own, most)
            if refused is not None:
                raise refused
            words: list[Word] = [upload.id, upload.tenant, _to_json(upload), repr(upload.expires_at), *kept]
            answer, replicated = await self._commands.run_promised(_CREATE, self._keys(upload.tenant), words)
            if answer == b"ok" and not replicated:
                await self.delete(upload.id, upload.tenant)
                raise not_replicated()
            if answer == b"ok":
                return
        raise Conflict("Your uploads change too quickly; try again.")

    async def own(self, tenant: str, now: float) -> tuple[FileUpload, ...]:
        mine = [each for each in _readable(await self._kept(tenant)) if each.tenant == tenant and each.lives(now)]
        return tuple(sorted(mine, key=lambda each: each.id))

    async def get(self, upload_id: str, tenant: str, now: float) -> FileUpload:
        kept = await self._commands.call("HGET", self._own(tenant), upload_id)
        found = _readable({b"": kept}) if kept is not None else ()
        if not found or found[0].tenant != tenant or not found[0].lives(now):
            raise no_such_upload()
        return found[0]

    async def advance(self, before: FileUpload, after: FileUpload) -> bool:
        words: list[Word] = [before.id, str(before.offset), str(after.offset), _to_json(after), repr(after.expires_at)]
        answer, replicated = await self._commands.run_promised(_ADVANCE, self._keys(before.tenant), words)
        if answer == b"ok" and not replicated:  # it may have come so far: who sends it asks where it stands
            raise not_replicated()
        return bool(answer == b"ok")

    async def delete(self, upload_id: str, tenant: str) -> None:
        if await self._commands.run_shared(_DELETE, self._keys(tenant), [upload_id]) == b"missing":
            raise no_such_upload()

    async def expired(self, now: float, most: int) -> Sequence[FileUpload]:
        ids = await self._commands.call("ZRANGEBYSCORE", self._expiring, "-inf", repr(now), "LIMIT", 0, most)
        tenants = await self._commands.call("HMGET", self._ids, *ids) if ids else ()
        reads = [
            ("HGET", self._own(tenant.decode()), each) for each, tenant in zip(ids, tenants, strict=True) if tenant
        ]
        rows = await self._commands.all(reads) if reads else []
        return _readable({b"%d" % place: row for place, row in enumerate(rows) if row is not None})

    async def known(self, upload_id: str) -> bool:
        return bool(await self._commands.call("HEXISTS", self._ids, upload_id))

    async def _kept(self, tenant: str) -> Mapping[bytes, bytes]:
        kept: Mapping[bytes, bytes] = await self._commands.call("HGETALL", self._own(tenant))
        return kept

    def _keys(self, tenant: str) -> list[str]:
        return [self._own(tenant), self._ids, self._expiring, f"{self._base}:upload-offsets"]

    def _own(self, tenant: str) -> str:
        return f"{self._base}:uploads:{tenant}"

    @property
    def _ids(self) -> str:
        return f"{self._base}:upload-ids"

    @property
    def _expiring(self) -> str:
        return f"{self._base}:uploads-expiring"


def _to_json(upload: FileUpload) -> bytes:
    return orjson.dumps(_Record(VERSION, upload))


def _readable(kept: Mapping[bytes, bytes]) -> list[FileUpload]:
    found = []
    for data in kept.values():
        try:
            record = _RECORD.validate_json(data)
        except ValidationError:  # one bad record must not hide the others
            continue
        if record.version > VERSION:
            raise StoreUnavailable(f"An upload has version {record.version}; this Kinoray reads up to {VERSION}.")
        found.append(record.upload)
    return found
