"""One real Kinoray for a whole session of tests: Redis, Ray, all six deployments, the built-in model."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from app.client.client import Kinoray
from app.settings import Settings
from cluster.local import LocalService
from tests.ports import free_port


@pytest.fixture(scope="session")
def shared_ray() -> None:
    """What marks a test as one of those that need the session's Ray."""
    os.environ["RAY_AUTH_MODE"] = "disabled"


@pytest.fixture(scope="session")
def service(shared_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    state: Path = tmp_path_factory.mktemp("state")
    running = LocalService(Settings(state_dir=state, port=free_port(), redis_url=None))
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def client(service: LocalService) -> AsyncIterator[Kinoray]:
    async with Kinoray(service.url) as client:
        yield client


@pytest.fixture
async def openai(service: LocalService) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key="any", max_retries=0) as client:
        yield client
