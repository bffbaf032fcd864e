"""The one real Kinoray that all tests of a process share: Redis, Ray, every deployment, the built-in model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from app.settings import Settings
from cluster.local import CONFIG, LocalService
from tests.ports import free_port

ASKED_A_MINUTE = 400
"""Of videos, by one address: more than all tests together ask for."""


@pytest.fixture(scope="session")
def several_models() -> None:
    """Whoever asks for this finds the models of `tests/deployments/several.py` served too, each by its own pool."""


SECOND = "second"
"""The pool that `ultra` goes to where there is no other model, for those who want two pools."""


@pytest.fixture(scope="session")
def several_dispatchers() -> None:
    """Whoever asks for this finds two dispatchers, and two pools at least."""


@pytest.fixture(scope="session")
def shared_ray(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A process can have one Ray only, so what any of its tests needs is there from the start."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    wanted: dict[str, Any] = {"limits": {"address": {"submit": {"per_minute": ASKED_A_MINUTE}}}}
    config = CONFIG
    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    if "several_dispatchers" in asked:
        wanted |= {"dispatchers": 2} | ({} if "several_models" in asked else {"pools": {"ultra": SECOND}})
    if "several_models" in asked:
        from tests.deployments.several import written

        config = written(tmp_path_factory.mktemp("several"))
    state = tmp_path_factory.mktemp("state")
    settings = Settings(state_dir=state, port=free_port(), redis_url=None, health_port=free_port())
    variables = {f"KINORAY_{name.upper()}": json.dumps(value) for name, value in wanted.items()}
    os.environ |= variables
    running = LocalService(settings, config)
    running.start()
    for name in variables:  # they are not for other tests' settings
        del os.environ[name]
    yield running
    running.stop()
    os.environ.pop("KINORAY_HEALTH_PORT", None)
