"""Uploads that come in parts, in Redis: a part is taken from whoever names the place where it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter

from app.redis.commands import not_replicated
from app.redis.connection import Client
from app.redis.replies import Word
from app.uploads.files import FileUpload, MostFiles, no_such_upload, refusal
from app.uploads.redis_owned import Kind, OwnedRecords, Record

FILES: Final = Kind("upload", "upload", TypeAdapter(Record[FileUpload]), no_such_upload)

# KEYS own ids expiring offsets; ARGV id offset-before offset-after record expires
_ADVANCE = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 'moved' end
if (redis.call('HGET', KEYS[4], ARGV[1]) or '0') ~= ARGV[2] then return 'moved' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
return 'ok'
"""


class RedisFileUploads:
    """The FileUploads port. A damaged record is left out."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._records = OwnedRecords(redis, prefix, FILES, more=["upload-offsets"])

    async def create(self, upload: FileUpload, most: MostFiles) -> None:
        await self._records.create(upload, lambda own: refusal(upload, own, most))

    async def own(self, tenant: str, now: float) -> tuple[FileUpload, ...]:
        return await self._records.own(tenant, now)

    async def get(self, upload_id: str, tenant: str, now: float) -> FileUpload:
        return await self._records.get(upload_id, tenant, now)

    async def advance(self, before: FileUpload, after: FileUpload) -> bool:
        record = self._records.to_json(after)
        words: list[Word] = [before.id, str(before.offset), str(after.offset), record, repr(after.expires_at)]
        keys = self._records.keys(before.tenant)
        answer, replicated = await self._records.commands.run_promised(_ADVANCE, keys, words)
        if answer == b"ok" and not replicated:  # it may have come so far: who sends it asks where it stands
            raise not_replicated()
        return bool(answer == b"ok")

    async def delete(self, upload_id: str, tenant: str) -> None:
        await self._records.delete(upload_id, tenant)

    async def expired(self, now: float, most: int) -> Sequence[FileUpload]:
        return await self._records.expired(now, most)

    async def known(self, upload_id: str) -> bool:
        return await self._records.known(upload_id)
