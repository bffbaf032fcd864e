"""The Meter over Redis: figures of all processes in one hash, kept over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from app.errors import StoreUnavailable
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import Client
from app.telemetry import Meter


class RedisMeter:
    """The Meter port."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._key = Keys(prefix).of("figures")
        self._owed: dict[str, float] = {}

    async def add(self, figures: dict[str, float]) -> None:
        """Add each value in one round trip; what finds no Redis goes with the next: an outage is counted too.

        Of a call that timed out nobody knows whether Redis had it: its figures may count twice, the lesser evil.
        """
        if not figures:
            return
        owed, self._owed = self._owed, {}
        due = _sum(owed, figures)
        try:
            await self._commands.all([("HINCRBYFLOAT", self._key, name, value) for name, value in due.items()])
        except StoreUnavailable:
            self._owed = _sum(self._owed, due)

    async def read(self) -> dict[str, float]:
        kept = await self._commands.call("HGETALL", self._key)
        return {name.decode(): float(value) for name, value in kept.items()}


class BackgroundMeter:
    """A Meter that adds behind the caller's back: an answer does not wait until it is counted.

    What comes while a call is under way is added up and sent with the next: a flood of answers is one call at a time.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._pending: dict[str, float] = {}
        self._adding: asyncio.Task[None] | None = None

    async def add(self, figures: dict[str, float]) -> None:
        self._pending = _sum(self._pending, figures)
        if self._pending and (self._adding is None or self._adding.done()):
            self._adding = asyncio.ensure_future(self._send())

    async def read(self) -> dict[str, float]:
        if self._adding is not None:
            await asyncio.shield(self._adding)
        return await self._meter.read()

    async def _send(self) -> None:
        while self._pending:
            figures, self._pending = self._pending, {}
            await self._meter.add(figures)


def _sum(some: Mapping[str, float], others: Mapping[str, float]) -> dict[str, float]:
    found = dict(some)
    for name, value in others.items():
        found[name] = found.get(name, 0.0) + value
    return found
