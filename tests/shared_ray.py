"""The one real Kinoray that all tests of a process share: Redis, Ray, every deployment, the built-in model."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from app.settings import Settings
from cluster.local import CONFIG, LocalService
from tests.ports import free_port


@pytest.fixture(scope="session")
def several_models() -> None:
    """Whoever asks for this finds the models of `tests/deployments/several.py` served too, each by its own pool."""


@pytest.fixture(scope="session")
def shared_ray(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A process can have one Ray only, so what any of its tests needs is there from the start."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    config = CONFIG
    if any("several_models" in getattr(item, "fixturenames", ()) for item in request.session.items):
        from tests.deployments.several import written

        config = written(tmp_path_factory.mktemp("several"))
    state = tmp_path_factory.mktemp("state")
    running = LocalService(Settings(state_dir=state, port=free_port(), redis_url=None), config)
    running.start()
    yield running
    running.stop()
