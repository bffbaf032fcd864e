from __future__ import annotations

from tests.redis_server import prefix, redis, redis_server, redis_url

__all__ = ["prefix", "redis", "redis_server", "redis_url"]
