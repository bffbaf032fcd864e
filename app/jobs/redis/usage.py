"""The UsageLog over Redis: one hash for each tenant and day, which goes when its time is over."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from app.errors import StoreUnavailable
from app.jobs.redis.meter import GATHER_S, gathered
from app.jobs.redis.scripts import Keys
from app.jobs.usage import UsageLog, Used, days_between
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word, mapping, texts

BETWEEN: Final = "\x1f"  # model, key and figure; in none of them
BATCH: Final = 200  # hashes read in one round trip
_Row = tuple[str, str, str, str]  # day, tenant, model, key


class RedisUsage:
    """The UsageLog port; a day is kept for `kept_s` after its last change."""

    def __init__(self, redis: Client, prefix: str, kept_s: float) -> None:
        self._commands = Commands(redis)
        self._keys = Keys(prefix)
        self._kept_s = int(kept_s)

    async def add(self, used: Used) -> None:
        hash_, tenants = self._figures(used.tenant, used.day), self._tenants(used.day)
        names = {BETWEEN.join((used.model, used.key_id, name)): value for name, value in used.figures.items()}
        writes: list[tuple[Word, ...]] = [("HINCRBYFLOAT", hash_, name, value) for name, value in names.items()]
        writes += [("SADD", tenants, used.tenant), *(("EXPIRE", key, self._kept_s) for key in (hash_, tenants))]
        try:
            await self._commands.all(writes)
        except StoreUnavailable:
            return

    async def read(self, tenant: str | None, first: str, last: str) -> Sequence[Used]:
        asked = [(day, each) for day in days_between(first, last) for each in await self._tenants_of(tenant, day)]
        found: list[Used] = []
        for start in range(0, len(asked), BATCH):
            batch = asked[start : start + BATCH]
            hashes = await self._commands.all([("HGETALL", self._figures(who, day)) for day, who in batch])
            for (day, who), kept in zip(batch, hashes, strict=True):
                found += _rows(day, who, mapping(kept))
        return found

    async def _tenants_of(self, tenant: str | None, day: str) -> Sequence[str]:
        if tenant is not None:
            return (tenant,)
        return sorted(texts(await self._commands.call("SMEMBERS", self._tenants(day))))

    def _figures(self, tenant: str, day: str) -> str:
        return self._keys.of("usage", day, tenant)

    def _tenants(self, day: str) -> str:
        return self._keys.of("usage_tenants", day)


class BackgroundUsage:
    """A UsageLog that adds behind the caller's back: an answer does not wait until it is counted.

    As `BackgroundMeter` it adds up what comes within `gather_s`.
    """

    def __init__(self, usage: UsageLog, gather_s: float = GATHER_S) -> None:
        self._usage = usage
        self._gather_s = gather_s
        self._pending: dict[_Row, dict[str, float]] = {}
        self._adding: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def add(self, used: Used) -> None:
        counted = self._pending.setdefault((used.day, used.tenant, used.model, used.key_id), {})
        for name, value in used.figures.items():
            counted[name] = counted.get(name, 0.0) + value
        if self._adding is None or self._adding.done():
            self._hurry.clear()
            self._adding = asyncio.ensure_future(self._send())

    async def read(self, tenant: str | None, first: str, last: str) -> Sequence[Used]:
        """All that was added here before is in it."""
        if self._adding is not None:
            self._hurry.set()
            await asyncio.shield(self._adding)
        return await self._usage.read(tenant, first, last)

    async def _send(self) -> None:
        while self._pending:
            await gathered(self._hurry, self._gather_s)
            rows, self._pending = self._pending, {}
            await asyncio.gather(*(self._usage.add(Used(*row, figures)) for row, figures in rows.items()))


def _rows(day: str, tenant: str, kept: dict[bytes, bytes]) -> Iterator[Used]:
    rows: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for name, value in kept.items():
        model, key_id, figure = name.decode().split(BETWEEN)
        rows[model, key_id][figure] = float(value)
    for (model, key_id), figures in sorted(rows.items()):
        yield Used(day, tenant, model, key_id, figures)
