from __future__ import annotations

from tests.redis_pair import pair, replicated

__all__ = ["pair", "replicated"]
