"""What is done now and then beside the line: flights resolved, expired records removed, the artifact store tidied."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from math import inf

from app.dispatch.ports import DispatchStores
from app.errors import KinorayError
from app.service.background import Background
from app.service.lora_retention import expire_loras
from app.service.retention import expire, terms_of, tidy
from app.service.single_flight import resolve
from app.service.story_retention import expire_stories
from app.settings import Settings

log = logging.getLogger(__name__)
SWEEP_S = 30.0  # how often records that have expired are removed
EXPIRED = 200  # of them at a time
TIDY_S = 600.0  # how often the artifact store is looked through


class Sweep:
    """Keeps its own times, by a monotonic clock; `now` is Unix seconds."""

    def __init__(
        self, settings: Settings, stores: DispatchStores, background: Background, monotonic: Callable[[], float]
    ) -> None:
        self._retention_s = settings.retention_s
        self._terms = terms_of(settings)
        self._stores = stores
        self._background = background
        self._monotonic = monotonic
        self._swept_at = -inf
        self._tidied_at = monotonic()
        self._tidying: asyncio.Task[None] | None = None

    async def resolve_flights(self, digests: Sequence[str], now: float) -> None:
        """Nobody waits for a leader that failed, or whose finisher died just after closing it."""
        for digest in digests:
            try:
                await resolve(digest, self._stores, self._retention_s, now)
            except KinorayError as error:
                log.info("A flight stays unresolved: %s", error)

    async def run_if_due(self, now: float) -> None:
        """Remove what is past its time; resolve the flights of leaders that are gone without a trace."""
        at = self._monotonic()
        if at - self._swept_at <= SWEEP_S:
            return
        self._swept_at = at
        await self.resolve_flights(await self._stores.flights.followed(), now)
        await expire(self._stores, now, EXPIRED)
        await expire_stories(self._stores, now, EXPIRED)
        await expire_loras(self._stores, now, EXPIRED)
        if at - self._tidied_at > TIDY_S and (self._tidying is None or self._tidying.done()):
            self._tidied_at = at
            self._tidying = self._background.spawn(self._tidy(now), "tidying of the artifact store")

    async def _tidy(self, now: float) -> None:
        """It may take long where many files lie, so no pass waits for it."""
        try:
            await tidy(self._stores, self._terms, now)
        except KinorayError as error:
            log.warning("The artifact store was not tidied: %s", error)
