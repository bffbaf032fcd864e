from __future__ import annotations

from tests.redis_pair import pair, replicated
from tests.redis_server import prefix, redis, redis_server, redis_url

__all__ = ["pair", "prefix", "redis", "redis_server", "redis_url", "replicated"]
