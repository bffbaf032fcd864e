"""One real Kinoray for the whole session: Redis, Ray, all six deployments, the built-in model."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from app.client.client import Kinoray
from app.settings import Settings
from cluster.local import LocalService


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    os.environ["RAY_AUTH_MODE"] = "disabled"
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
