"""Cache: memory in front of Redis for all routers and replicas; each replica has the keys that are routed to it."""

from __future__ import annotations

import asyncio
import logging

from app.cache.memory import MemoryCache
from app.cache.packed import PackedCache
from app.cache.redis import RedisCache
from app.cache.redis_similar import RedisSimilar
from app.cache.similar import Near, Note, Vector
from app.cache.store import LevelFigures
from app.cache.tiered import TieredCache
from app.errors import NoReplica, ServiceUnavailable, StoreUnavailable, UnsafeStore
from app.jobs.redis.jobs import RedisJobs
from app.redis.connection import connect, replicas_of
from app.redis.safety import refuse_what_loses_jobs
from app.service.background import Background
from app.service.breaker_reports import BreakerReports
from app.settings import Settings
from app.stores import open_stores
from app.tracing.carry import Carried, continued
from deployments.observed import observe

log = logging.getLogger(__name__)
RELIEVE_S = 1.0


class Cache:
    """The ByteCache port as a deployment. It does not start on a job store that could lose jobs."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]  # Serve awaits it
        observe(settings)
        if settings.redis_url is None:
            raise ServiceUnavailable("Set KINORAY_REDIS_URL.")
        await self._check(settings.redis_url.get_secret_value(), settings)
        url = (settings.cache_redis_url or settings.redis_url).get_secret_value()
        redis = connect(url, settings.redis_timeout_s)
        self._background, stores = Background(), open_stores(settings)
        told = BreakerReports(stores.recoveries, self._background, stores.clock)
        self._shared = RedisCache(redis, settings.redis_prefix, settings.cache_redis_bytes, breaker_told=told)
        self._similar = RedisSimilar(redis, self._shared)
        self._cache = PackedCache(TieredCache(MemoryCache(settings.cache_memory_bytes), self._shared))
        self._background.keep(self._relieve(), "making room in Redis")

    async def _check(self, url: str, settings: Settings) -> None:
        redis = connect(url, settings.redis_timeout_s, replicas_of(settings))
        try:
            if (said := await refuse_what_loses_jobs(redis)) is not None:
                log.warning("%s", said)
        except NoReplica as error:  # a service that has accepted jobs goes on with them, and accepts no other
            if not await RedisJobs(redis, settings.redis_prefix).any():
                raise
            log.warning("No job is accepted until a replica is back: %s", error)
        except UnsafeStore:
            raise
        except StoreUnavailable as error:  # caches work without Redis; it is looked at again at the next start
            log.warning("The job store could not be looked at: %s", error)
        finally:
            await redis.aclose()

    async def _relieve(self) -> None:
        """Entries leave a Redis that is nearly full, so that jobs find room there."""
        while True:
            await asyncio.sleep(RELIEVE_S)
            if left := await self._shared.relieve():
                log.warning("Redis is nearly full: %s cache entries have left it.", left)

    async def get(self, level: str, key: str, sent: Carried = None) -> bytes | None:
        with continued(sent, f"Cache.get {level}"):
            return await self._cache.get(level, key)

    async def put(
        self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0, sent: Carried = None
    ) -> None:
        with continued(sent, f"Cache.put {level}"):
            await self._cache.put(level, key, value, ttl_s, worth)

    async def drop(self, level: str, key: str) -> None:
        await self._cache.drop(level, key)

    async def clear(self, level: str | None = None) -> int:
        return await self._cache.clear(level)

    async def figures(self) -> dict[str, LevelFigures]:
        return await self._cache.figures()

    async def near(self, scope: str, vector: Vector, most: int) -> list[Near]:
        """The SimilarIndex port; as `note`, it is called where the scope is."""
        return await self._similar.near(scope, vector, most)

    async def note(self, scope: str, note: Note, vector: Vector, ttl_s: float) -> None:
        await self._similar.note(scope, note, vector, ttl_s)

    async def healthy(self) -> bool:
        return await self._cache.healthy()

    async def check_health(self) -> None:
        """Raises when nobody makes room in Redis any more: Serve then starts another replica."""
        self._background.check()
