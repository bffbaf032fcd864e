"""Uploaded LoRAs in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter

from app.redis.connection import Client
from app.uploads.loras import LoraUpload, Most, no_such_lora, refusal
from app.uploads.redis_owned import Kind, OwnedRecords, Record

LORAS: Final = Kind("lora", "LoRA", TypeAdapter(Record[LoraUpload]), no_such_lora)


class RedisLoraUploads:
    """The LoraUploads port. A damaged record is left out."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._records = OwnedRecords(redis, prefix, LORAS)

    async def create(self, upload: LoraUpload, most: Most) -> None:
        await self._records.create(upload, lambda own: refusal(upload, own, most))

    async def own(self, tenant: str, now: float) -> tuple[LoraUpload, ...]:
        return await self._records.own(tenant, now)

    async def delete(self, lora_id: str, tenant: str) -> None:
        await self._records.delete(lora_id, tenant)

    async def expired(self, now: float, most: int) -> Sequence[LoraUpload]:
        return await self._records.expired(now, most)

    async def known(self, lora_id: str) -> bool:
        return await self._records.known(lora_id)
