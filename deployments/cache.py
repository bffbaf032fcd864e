"""Cache: one memory in front of Redis for all routers and replicas."""

from __future__ import annotations

from app.cache.memory import MemoryCache
from app.cache.redis import RedisCache
from app.cache.store import LevelFigures
from app.cache.tiered import TieredCache
from app.errors import ServiceUnavailable
from app.jobs.connection import connect
from app.settings import Settings


class Cache:
    """The ByteCache port as a deployment."""

    def __init__(self, settings: Settings) -> None:
        if settings.redis_url is None:
            raise ServiceUnavailable("Set KINORAY_REDIS_URL.")
        redis = connect(settings.redis_url, settings.redis_timeout_s)
        self._cache = TieredCache(MemoryCache(settings.cache_memory_bytes), RedisCache(redis, settings.redis_prefix))

    async def get(self, level: str, key: str) -> bytes | None:
        return await self._cache.get(level, key)

    async def put(self, level: str, key: str, value: bytes, ttl_s: float) -> None:
        await self._cache.put(level, key, value, ttl_s)

    async def drop(self, level: str, key: str) -> None:
        await self._cache.drop(level, key)

    async def figures(self) -> dict[str, LevelFigures]:
        return await self._cache.figures()

    async def healthy(self) -> bool:
        return await self._cache.healthy()
