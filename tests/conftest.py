"""Which tests need what, and fixtures that more than one room's tests use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.redis_server import prefix, redis, redis_server, redis_url
from tests.shared_ray import several_models, shared_ray

__all__ = ["prefix", "redis", "redis_server", "redis_url", "several_models", "shared_ray"]

DRILLS = Path(__file__).parent / "drills"
NEEDS = {"shared_ray": pytest.mark.cluster, "redis_server": pytest.mark.redis}  # by fixture

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores; read when torch is first imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark drills by their folder, and tests that need the shared Ray or a Redis by the fixtures that start them."""
    for item in items:
        if item.path.is_relative_to(DRILLS):
            item.add_marker(pytest.mark.drill)
        for fixture in NEEDS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(NEEDS[fixture])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
