"""The port to which server keeps the records, as the Dispatcher asks it once a minute and after each trouble."""

from __future__ import annotations

from typing import Protocol

from app.health.observer import Server
from app.redis.connection import Client
from app.redis.server_identity import ServerIdentity


class ServerPort(Protocol):
    """Says which server answers."""

    async def ask(self) -> Server:
        """Raises StoreUnavailable."""
        ...


class MemoryServer:
    """The port of stores in this process; tests set what it says."""

    def __init__(self) -> None:
        self.now = Server("memory")

    async def ask(self) -> Server:
        return self.now


class RedisServer:
    """The port over a client."""

    def __init__(self, redis: Client) -> None:
        self._identity = ServerIdentity(redis)

    async def ask(self) -> Server:
        return Server(*await self._identity.ask())
