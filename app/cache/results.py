"""Finished videos by the digest of their plan: a repeat is answered without a device."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from app.cache.store import RESULTS, ByteCache
from app.types import Artifact


@dataclass(frozen=True, slots=True)
class CachedResult:
    """Where a result lies and what it took: made by `job_id` at `made_at` (Unix seconds) for `step_seconds`."""

    job_id: str
    artifacts: dict[str, Artifact]
    made_at: float
    step_seconds: float


_RESULT = TypeAdapter(CachedResult)


class ResultCache:
    """Results as JSON in a ByteCache; never raises."""

    def __init__(self, cache: ByteCache) -> None:
        self._cache = cache

    async def get(self, key: str) -> CachedResult | None:
        """The result, or None; what cannot be read is dropped."""
        data = await self._cache.get(RESULTS, key)
        if data is None:
            return None
        try:
            return _RESULT.validate_json(data)
        except ValidationError:
            await self._cache.drop(RESULTS, key)
            return None

    async def put(self, key: str, result: CachedResult, ttl_s: float) -> None:
        """Keep for `ttl_s`; a hit saves the result's step-seconds."""
        await self._cache.put(RESULTS, key, _RESULT.dump_json(result), ttl_s, worth=result.step_seconds)

    async def drop(self, key: str) -> None:
        """Forget one result."""
        await self._cache.drop(RESULTS, key)
