"""A house behind a real HTTP server in the test's own event loop, which can be stopped and started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from sse_starlette.sse import AppStatus

from tests.api.house import House
from tests.ports import free_port
from tests.waiting import until


class ServedHouse:
    """A house at an address of its own, which stays the same over restarts."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve; what is kept in the house is still there after a restart, as Redis would have it."""
        config = uvicorn.Config(
            self.house.app, port=self.port, log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        AppStatus.should_exit = False
        self._server = uvicorn.Server(config)
        self._task = asyncio.ensure_future(self._server.serve())

        async def started() -> bool:
            return self._server.started

        await until(started)

    async def stop(self) -> None:
        """Break every connection and listen no more."""
        self._server.should_exit = True
        await self._task


@asynccontextmanager
async def served(house: House) -> AsyncIterator[ServedHouse]:
    """The house, served."""
    server = ServedHouse(house)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
