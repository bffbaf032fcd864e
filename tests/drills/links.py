"""Network links that can be cut: TCP through this process, refused by who asks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable


class Link:
    """A port of 127.0.0.1 that leads to another; while it is cut for an address, nothing passes from or to there."""

    def __init__(self, to: Callable[[], int]) -> None:
        self._to = to
        self._cut: set[str] = set()
        self._open: dict[asyncio.StreamWriter, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self, *addresses: str) -> None:
        """Who comes from there gets no further, from now on."""
        asyncio.run_coroutine_threadsafe(self._part(set(addresses)), self._loop).result()

    def mend(self) -> None:
        self._cut = set()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._lead, "127.0.0.1", 0)

    async def _end(self) -> None:
        self._server.close()
        await self._part(set(self._open.values()))
        leading = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*leading, return_exceptions=True)

    async def _part(self, addresses: set[str]) -> None:
        self._cut = addresses
        for writer in [writer for writer, address in self._open.items() if address in addresses]:
            writer.transport.abort()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("peername")[0]
        if address in self._cut:
            writer.transport.abort()
            return
        self._open[writer] = address
        try:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to())
                await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))
        finally:
            del self._open[writer]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while words := await reader.read(65536):
            writer.write(words)
            await writer.drain()
    writer.transport.abort()  # and with it, the other direction
