"""Which tests need what, and fixtures that more than one room's tests use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hypothesis
import pytest

from tests.redis_server import prefix, redis, redis_server, redis_url
from tests.shared_ray import several_dispatchers, several_models, shared_ray

__all__ = ["prefix", "redis", "redis_server", "redis_url", "several_dispatchers", "several_models", "shared_ray"]

ROOM = Path(__file__).parent
DRILLS, DEPLOYMENTS = ROOM / "drills", ROOM / "deployments"
NEEDS = {
    "shared_ray": pytest.mark.cluster,
    "redis_server": pytest.mark.redis,
    "pair": pytest.mark.redis,
    "browser": pytest.mark.browser,
}  # by fixture

WORKER = "PYTEST_XDIST_WORKER" in os.environ
if WORKER:  # workers share the cores; read when torch is first imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared machine")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark drills by their folder, and tests that need Ray, a Redis or a browser by the fixtures that start them."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.path.is_relative_to(DRILLS):
            item.add_marker(pytest.mark.drill)
        elif "shared_ray" in fixtures and not item.path.is_relative_to(DEPLOYMENTS):
            raise pytest.UsageError(f"{item.nodeid} uses the shared Ray: make test looks for such in tests/deployments")
        for fixture in NEEDS.keys() & fixtures:
            item.add_marker(NEEDS[fixture])


def own_threads() -> None:
    """Take all cores from torch again, which loading a model has set: two workers on them wait for each other."""
    torch = sys.modules.get("torch")
    if WORKER and torch is not None and torch.get_num_threads() != (own := int(os.environ["OMP_NUM_THREADS"])):
        torch.set_num_threads(own)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    own_threads()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    own_threads()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
