"""A service in this process for each test, a client of it, and a job on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api.house import House


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as opened:
        yield opened


@pytest.fixture
async def job(client: httpx.AsyncClient) -> dict[str, Any]:
    """A job in the line."""
    made: dict[str, Any] = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    return made
