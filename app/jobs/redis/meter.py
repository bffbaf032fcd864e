"""The Meter over Redis: figures of all processes in one hash, kept over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import anyio

from app.errors import StoreUnavailable
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import Client
from app.telemetry import Meter

GATHER_S: Final = 0.1  # that a figure may be behind, and is lost by when its process is killed


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

    What comes within `gather_s`, or while a call is under way, is added up and sent together: a flood of answers is a
    few calls a second. Who reads does not wait for more to come.
    """

    def __init__(self, meter: Meter, gather_s: float = GATHER_S) -> None:
        self._meter = meter
        self._gather_s = gather_s
        self._pending: dict[str, float] = {}
        self._adding: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def add(self, figures: dict[str, float]) -> None:
        self._pending = _sum(self._pending, figures)
        if self._pending and (self._adding is None or self._adding.done()):
            self._hurry.clear()
            self._adding = asyncio.ensure_future(self._send())

    async def read(self) -> dict[str, float]:
        if self._adding is not None:
            self._hurry.set()
            await asyncio.shield(self._adding)
        return await self._meter.read()

    async def _send(self) -> None:
        while self._pending:
            await gathered(self._hurry, self._gather_s)
            figures, self._pending = self._pending, {}
            await self._meter.add(figures)


async def gathered(hurry: asyncio.Event, gather_s: float) -> None:
    """Return when it is time to send what has come: after `gather_s`, or at once when somebody wants to read it."""
    with anyio.move_on_after(gather_s):
        await hurry.wait()


def _sum(some: Mapping[str, float], others: Mapping[str, float]) -> dict[str, float]:
    found = dict(some)
    for name, value in others.items():
        found[name] = found.get(name, 0.0) + value
    return found
