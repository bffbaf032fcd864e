"""The shared Kinoray and the clients that talk to it, for the rooms whose tests use it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from app.client.client import Kinoray
from cluster.local import LocalService


@pytest.fixture
def service(shared_ray: LocalService) -> LocalService:
    return shared_ray


@pytest.fixture
async def client(service: LocalService) -> AsyncIterator[Kinoray]:
    async with Kinoray(service.url) as client:
        yield client


@pytest.fixture
async def openai(service: LocalService) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key="any", max_retries=0) as client:
        yield client
